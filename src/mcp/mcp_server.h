// Runs the protocol over two streams: a thread that reads messages, and one for each call under
// way. Standard output, or whatever `send` writes to, gets messages and nothing else.
//
// Knows nothing of what tools do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "mcp/protocol.h"

namespace memagent {

class McpServer {
 public:
  struct Options {
    Protocol::Options protocol;
    std::size_t most_line_bytes = std::size_t{16} << 20;
    // Carries a call out: the JSON object of its result, or an exception that says why there is
    // none. It is to come to an end soon once the token says stop. Any thread.
    std::function<std::string(const ToolArguments&, const std::function<void(const ToolProgress&)>&,
                              std::stop_token)>
        run_tool;
    // Writes a message; one call at a time. Throws Error if it cannot be written.
    std::function<void(const std::string& message)> send;
    // One line for a log, without text of documents, questions or answers; one call at a time.
    std::function<void(const std::string& line)> log = [](const std::string&) {};
  };

  explicit McpServer(Options options)
      : options_(std::move(options)), protocol_(options_.protocol) {}
  ~McpServer();

  // Until the input ends; then stops what is under way and waits for it. Throws what `send` threw
  // if the other side takes no more messages before.
  void run(int input);

 private:
  struct Call {
    std::jthread thread;
    bool ended = false;
  };

  void take(const std::string& line);
  void begin(const ToolCall& call);
  void carry_out(const ToolCall& call, const std::stop_token& stop);
  ToolResult result_of(const ToolCall& call, const std::stop_token& stop);
  void send(const std::string& message);  // under mutex_
  void join_ended();
  void stop_all();

  Options options_;

  std::mutex mutex_;  // of what follows
  Protocol protocol_;
  std::map<std::uint64_t, Call> calls_;  // by number
  std::exception_ptr broken_;            // nothing more can be sent
};

}  // namespace memagent
