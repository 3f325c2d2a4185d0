#include "mcp/protocol.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/fail.h"
#include "format/untrusted_json.h"

namespace memagent {
namespace {

constexpr int kParseError = -32700;
constexpr int kInvalidRequest = -32600;
constexpr int kMethodNotFound = -32601;
constexpr int kInvalidParams = -32602;

// Latest first: it is what a client is offered that wants one we do not know.
constexpr std::array<std::string_view, 3> kVersions = {"2025-06-18", "2025-03-26", "2024-11-05"};
constexpr std::string_view kVersionWithBatches = "2025-03-26";
constexpr std::size_t kMostBatch = 100;
// Of one line; more than any message needs.
constexpr std::size_t kMostValues = 1'000'000;

constexpr const char* kInstructions =
    "ask_documents reads files or texts of any length and answers questions about them without "
    "filling the conversation. Prefer it to reading long files yourself. Give long readings a "
    "session name: what was read is then kept when a call is cancelled or times out, and the same "
    "call goes on from there. session_status says how far they are.";

struct RpcError {
  int code;
  std::string message;
};

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string result_message(const std::string& id, const std::string& result) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, result);
}

std::string error_message(const std::string& id, const RpcError& error) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{}}}}})", id,
                     error.code, dump(error.message));
}

// Results are text for every client, and structured for those that know the schema.
std::string call_result(const ToolResult& result) {
  const bool failed = result.structured.empty();
  const std::string& text = failed ? result.error : result.structured;
  return fmt::format(R"({{"content":[{{"type":"text","text":{}}}],{}"isError":{}}})", dump(text),
                     failed ? "" : "\"structuredContent\":" + result.structured + ",", failed);
}

bool is_id(const Json& id) { return id.is_string() || id.is_number(); }

const Json& params_of(const Json& message) {
  static const Json kNone = Json::object();
  const Json& params = member(message, "params");
  if (params.is_null()) return kNone;
  if (!params.is_object()) throw RpcError{kInvalidParams, "params must be an object"};
  return params;
}

std::string batch_message(const std::vector<std::string>& replies) {
  return fmt::format("[{}]", fmt::join(replies, ","));
}

}  // namespace

Received Protocol::receive(std::string_view line) {
  Received received;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return received;
  const std::optional<Json> message = parse_json(line, kMostValues);
  if (!message) {
    received.replies.push_back(error_message(
        "null", {kParseError,
                 "the line is not a JSON message: check its syntax, that it is UTF-8, nested at "
                 "most 64 deep, and has at most a million values"}));
    return received;
  }
  if (!message->is_array()) {
    take(*message, nullptr, received);
    return received;
  }
  if (!batches_ || message->empty() || message->size() > kMostBatch) {
    received.replies.push_back(error_message(
        "null", {kInvalidRequest, batches_ ? fmt::format("a batch has 1 to {} messages", kMostBatch)
                                           : "batches are not part of this protocol version: send "
                                             "messages one by one"}));
    return received;
  }
  const auto batch = std::make_shared<Batch>();
  batch->missing = 1;  // this loop
  for (const Json& one : *message) take(one, batch, received);
  if (std::optional<std::string> whole = complete(*batch)) received.replies.push_back(*whole);
  return received;
}

std::string Protocol::refuse_line(std::size_t most_bytes) {
  return error_message("null",
                       {kInvalidRequest, fmt::format("the message is longer than {} bytes: give "
                                                     "long documents as files",
                                                     most_bytes)});
}

void Protocol::take(const Json& message, const BatchPointer& batch, Received& received) {
  const bool answers = message.is_object() && !message.contains("method") &&
                       (message.contains("result") || message.contains("error"));
  if (answers) return;  // we ask the client for nothing
  const Json& method = member(message, "method");
  if (member(message, "jsonrpc") != "2.0" || !method.is_string() ||
      (message.contains("id") && !is_id(message["id"]))) {
    const Json& id = member(message, "id");
    return reply(error_message(is_id(id) ? dump(id) : "null",
                               {kInvalidRequest,
                                "a message is an object with \"jsonrpc\": \"2.0\", a method and, "
                                "for a request, an id that is a string or a number"}),
                 batch, received);
  }
  if (message.contains("id")) {
    request(message, batch, received);
  } else {
    notification(message, received);
  }
}

void Protocol::request(const Json& message, const BatchPointer& batch, Received& received) {
  const std::string id = dump(message["id"]);
  const auto& method = message["method"].get_ref<const std::string&>();
  try {
    if (calls_.contains(id)) throw RpcError{kInvalidRequest, "a request of this id is under way"};
    const Json& params = params_of(message);
    if (method == "ping") return reply(result_message(id, "{}"), batch, received);
    if (method == "initialize") {
      if (batch != nullptr) throw RpcError{kInvalidRequest, "initialize is no part of a batch"};
      return reply(result_message(id, initialize(params)), batch, received);
    }
    if (method != "tools/list" && method != "tools/call") {
      throw RpcError{kMethodNotFound,
                     fmt::format("there is no method '{}' here", method.substr(0, 100))};
    }
    if (!initialized_) throw RpcError{kInvalidRequest, "send initialize first"};
    if (method == "tools/list") {
      if (!member(params, "cursor").is_null()) {
        throw RpcError{kInvalidParams, "cursor: the list has one page"};
      }
      return reply(result_message(id, "{\"tools\":" + tools_json() + "}"), batch, received);
    }
    std::optional<ToolCall> call = tools_call(id, params);
    if (!call) {
      return reply(
          result_message(id, call_result({"", fmt::format("{} calls are under way, as many as may "
                                                          "be: try again when one has ended",
                                                          calls_.size())})),
          batch, received);
    }
    calls_[id] = {call->number, batch};
    if (batch != nullptr) ++batch->missing;
    received.calls.push_back(std::move(*call));
  } catch (const RpcError& error) {
    reply(error_message(id, error), batch, received);
  }
}

std::string Protocol::initialize(const Json& params) {
  if (initialized_) throw RpcError{kInvalidRequest, "initialize was sent before"};
  const Json& wanted = member(params, "protocolVersion");
  if (!wanted.is_string()) {
    throw RpcError{kInvalidParams, "protocolVersion must be a string"};
  }
  const auto found =
      std::find(kVersions.begin(), kVersions.end(), wanted.get_ref<const std::string&>());
  const std::string version(found == kVersions.end() ? kVersions.front() : *found);
  initialized_ = true;
  batches_ = version == kVersionWithBatches;
  return dump(
      {{"protocolVersion", version},
       {"capabilities", {{"tools", {{"listChanged", false}}}}},
       {"serverInfo", {{"name", "memagent"}, {"title", "memagent"}, {"version", options_.version}}},
       {"instructions", kInstructions}});
}

// Nothing if there are too many.
std::optional<ToolCall> Protocol::tools_call(const std::string& id, const Json& params) {
  const Json& name = member(params, "name");
  const Json& arguments = member(params, "arguments");
  const Json& token = member(member(params, "_meta"), "progressToken");
  if (!name.is_string()) throw RpcError{kInvalidParams, "name must be a string"};
  if (!arguments.is_null() && !arguments.is_object()) {
    throw RpcError{kInvalidParams, "arguments must be an object"};
  }
  if (!token.is_null() && !is_id(token)) {
    throw RpcError{kInvalidParams, "_meta.progressToken must be a string or a number"};
  }
  try {
    ToolArguments read = read_arguments(name.get<std::string>(), arguments);
    if (calls_.size() >= options_.most_calls) return std::nullopt;
    return ToolCall{++last_number_, id, std::move(read), token.is_null() ? "" : dump(token)};
  } catch (const Error& error) {
    throw RpcError{kInvalidParams, error.what()};
  }
}

// Notifications are never answered, wrong ones neither.
void Protocol::notification(const Json& message, Received& received) {
  if (message["method"] != "notifications/cancelled") return;
  const Json& id = member(member(message, "params"), "requestId");
  if (!is_id(id)) return;
  const auto found = calls_.find(dump(id));
  if (found == calls_.end()) return;  // it has just ended, or never was
  received.cancelled.push_back(found->second.number);
  const BatchPointer batch = found->second.batch;
  calls_.erase(found);
  if (batch == nullptr) return;
  if (std::optional<std::string> whole = complete(*batch)) received.replies.push_back(*whole);
}

void Protocol::reply(std::string message, const BatchPointer& batch, Received& received) {
  (batch == nullptr ? received.replies : batch->replies).push_back(std::move(message));
}

// One less is missing: the array, if that was the last.
std::optional<std::string> Protocol::complete(Batch& batch) {
  if (--batch.missing > 0 || batch.replies.empty()) return std::nullopt;
  return batch_message(batch.replies);
}

std::optional<std::string> Protocol::end_call(const ToolCall& call, const ToolResult& result) {
  const auto found = calls_.find(call.id);
  if (found == calls_.end() || found->second.number != call.number) return std::nullopt;
  const BatchPointer batch = found->second.batch;
  calls_.erase(found);
  std::string message = result_message(call.id, call_result(result));
  if (batch == nullptr) return message;
  batch->replies.push_back(std::move(message));
  return complete(*batch);
}

std::optional<std::string> Protocol::progress(const ToolCall& call,
                                              const ToolProgress& progress) const {
  const auto found = calls_.find(call.id);
  if (call.progress_token.empty() || found == calls_.end() || found->second.number != call.number) {
    return std::nullopt;
  }
  return fmt::format(R"({{"jsonrpc":"2.0","method":"notifications/progress","params":)"
                     R"({{"progressToken":{},"progress":{},"total":100,"message":{}}}}})",
                     call.progress_token, progress.percent, dump(progress.message));
}

}  // namespace memagent
