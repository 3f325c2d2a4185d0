// The Model Context Protocol (2025-06-18, 2025-03-26, 2024-11-05) for a server of tools, as a state
// machine: it takes the lines that come, says what to reply, which calls to begin and which to end,
// and is told how calls ended. JSON-RPC 2.0; of the protocol: initialize, ping, tools/list,
// tools/call, cancellation and progress.
//
// Does no input or output, has no threads, and does not know what the tools do. Whatever comes, no
// exception leaves it: what is wrong with a message is a reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/tools.h"

namespace memagent {

struct ToolCall {
  std::uint64_t number = 0;  // no other call of this process has it, whatever ids clients use
  std::string id;            // of the request, as JSON text
  ToolArguments arguments;
  std::string progress_token;  // as JSON text; empty: no progress is wanted
};

struct ToolResult {
  std::string structured;  // a JSON object as text; empty: the tool failed
  std::string error;       // one line
};

// How far a call is.
struct ToolProgress {
  double percent = 0;  // grows from one to the next
  std::string message;
};

// What a line led to. Replies are messages to send, each one line without its end.
struct Received {
  std::vector<std::string> replies;
  std::vector<ToolCall> calls;           // to be begun
  std::vector<std::uint64_t> cancelled;  // numbers of calls to be ended: nobody waits for results
};

class Protocol {
 public:
  struct Options {
    std::string version;          // of this program
    std::size_t most_calls = 64;  // under way at once; a tool called beyond that fails
  };
  explicit Protocol(Options options) : options_(std::move(options)) {}

  Received receive(std::string_view line);
  // For a line too long to be kept.
  static std::string refuse_line(std::size_t most_bytes);
  // The message to send; none for a call that was cancelled, or one of a batch that is not
  // complete.
  std::optional<std::string> end_call(const ToolCall& call, const ToolResult& result);
  std::optional<std::string> progress(const ToolCall& call, const ToolProgress& progress) const;

 private:
  // An array of requests gets an array of replies, when all of them are there.
  struct Batch {
    std::vector<std::string> replies;
    std::size_t missing = 0;
  };
  using BatchPointer = std::shared_ptr<Batch>;  // null: a message by itself

  void take(const nlohmann::json& message, const BatchPointer& batch, Received& received);
  void request(const nlohmann::json& message, const BatchPointer& batch, Received& received);
  void notification(const nlohmann::json& message, Received& received);
  std::string initialize(const nlohmann::json& params);
  std::optional<ToolCall> tools_call(const std::string& id, const nlohmann::json& params);
  static void reply(std::string message, const BatchPointer& batch, Received& received);
  static std::optional<std::string> complete(Batch& batch);

  Options options_;
  bool initialized_ = false;
  bool batches_ = false;  // the version agreed on has them
  struct UnderWay {
    std::uint64_t number;
    BatchPointer batch;
  };
  std::map<std::string, UnderWay> calls_;  // by id
  std::uint64_t last_number_ = 0;
};

}  // namespace memagent
