// What `memagent mcp` reads from outside: lines, each a message of the protocol. The input is cut
// at line ends and given to one state machine after initialize; every other line ends the calls
// that are under way. An exception, or a reply that is no JSON-RPC message, is a finding.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "format/untrusted_json.h"
#include "mcp/protocol.h"

namespace memagent {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_message(const Json& message) {
  require(message.is_object() && member(message, "jsonrpc") == "2.0");
  require(message.contains("id") || message.contains("method"));
}

void check_line(const std::string& line) {
  require(line.find('\n') == std::string::npos);
  const Json message = Json::parse(line);
  if (!message.is_array()) return check_message(message);
  for (const Json& one : message) check_message(one);
}

}  // namespace
}  // namespace memagent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memagent;  // NOLINT: a program, not a header
  if (size == 0) return 0;
  Protocol protocol({.version = "1", .most_calls = 4});
  const char* const version = data[0] % 2 == 0 ? "2025-03-26" : "2025-06-18";
  protocol.receive(Json{{"jsonrpc", "2.0"},
                        {"id", 0},
                        {"method", "initialize"},
                        {"params", {{"protocolVersion", version}}}}
                       .dump());
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<ToolCall> calls;
  for (bool end_calls = false; !rest.empty(); end_calls = !end_calls) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    Received received = protocol.receive(line);
    for (const std::string& reply : received.replies) check_line(reply);
    for (ToolCall& call : received.calls) calls.push_back(std::move(call));
    for (const ToolCall& call : calls) {
      if (const auto progress = protocol.progress(call, {50, "half"})) check_line(*progress);
    }
    if (!end_calls) continue;
    for (const ToolCall& call : calls) {
      if (const auto reply = protocol.end_call(call, {"{}", ""})) check_line(*reply);
    }
    calls.clear();
  }
  return 0;
}
