#include "mcp/mcp_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "mcp/line_reader.h"
#include "memagent/error.h"

namespace memagent {

McpServer::~McpServer() { stop_all(); }

void McpServer::run(int input) {
  LineReader lines(input, options_.most_line_bytes);
  std::string line;
  for (auto kind = lines.next(line); kind != LineReader::Kind::kEnd; kind = lines.next(line)) {
    join_ended();
    const std::lock_guard lock(mutex_);
    if (kind == LineReader::Kind::kTooLong) {
      send(Protocol::refuse_line(options_.most_line_bytes));
    } else {
      take(line);
    }
    if (broken_ != nullptr) std::rethrow_exception(broken_);
  }
  stop_all();
}

// Under the mutex: replies leave in the order in which the protocol gave them.
void McpServer::take(const std::string& line) {
  Received received = protocol_.receive(line);
  for (const std::string& message : received.replies) send(message);
  for (const std::uint64_t number : received.cancelled) {
    const auto found = calls_.find(number);
    if (found != calls_.end()) found->second.thread.request_stop();
  }
  for (const ToolCall& call : received.calls) begin(call);
}

void McpServer::begin(const ToolCall& call) {
  try {
    Call& entry = calls_[call.number];
    // It may be carried out and have ended before the assignment: it then waits for the mutex.
    entry.thread =
        std::jthread([this, call](const std::stop_token& stop) { carry_out(call, stop); });
  } catch (const std::system_error& error) {
    calls_.erase(call.number);
    const auto message = protocol_.end_call(
        call, {"", fmt::format("no thread for the call: {}: try again later", error.what())});
    if (message) send(*message);
  }
}

void McpServer::carry_out(const ToolCall& call, const std::stop_token& stop) {
  const auto started = std::chrono::steady_clock::now();
  const ToolResult result = result_of(call, stop);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const std::lock_guard lock(mutex_);
  if (const auto message = protocol_.end_call(call, result)) send(*message);
  const char* outcome = stop.stop_requested()       ? "stopped"
                        : result.structured.empty() ? "failed"
                                                    : "done";
  options_.log(fmt::format(R"({{"call":{},"tool":"{}","outcome":"{}","seconds":{:.3f}}})",
                           call.number, tool_name(call.arguments), outcome, seconds));
  calls_.at(call.number).ended = true;
}

ToolResult McpServer::result_of(const ToolCall& call, const std::stop_token& stop) {
  const auto on_progress = [&](const ToolProgress& progress) {
    const std::lock_guard lock(mutex_);
    if (const auto message = protocol_.progress(call, progress)) send(*message);
  };
  // One line, whatever was put into the message.
  const auto failed = [](std::string message) {
    std::replace_if(
        message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; },
        ' ');
    return ToolResult{"", message.empty() ? "failed" : std::move(message)};
  };
  try {
    return {options_.run_tool(call.arguments, on_progress, stop), ""};
  } catch (const std::bad_alloc&) {
    return failed("out of memory: ask fewer questions at once, or choose a smaller model");
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}

void McpServer::send(const std::string& message) {
  if (broken_ != nullptr) return;
  try {
    options_.send(message);
  } catch (const Error&) {
    broken_ = std::current_exception();
  }
}

// Threads that have said their last word are let go, so that they do not pile up.
void McpServer::join_ended() {
  std::vector<Call> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = calls_.begin(); it != calls_.end();) {
      if (!it->second.ended) {
        ++it;
        continue;
      }
      ended.push_back(std::move(it->second));
      it = calls_.erase(it);
    }
  }
}

void McpServer::stop_all() {
  std::map<std::uint64_t, std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [number, call] : calls_) {
      call.thread.request_stop();
      threads.emplace(number, std::move(call.thread));
    }
  }
  threads.clear();  // joins
  calls_.clear();
}

}  // namespace memagent
