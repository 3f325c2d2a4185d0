#include "agent/trace.h"

#include <nlohmann/json.hpp>

namespace memagent {

std::string trace_line(std::size_t question, const Conversation& conversation,
                       const TraceOptions& options) {
  using nlohmann::ordered_json;
  const GenerationResult& response = conversation.response;
  ordered_json line;
  line["question"] = question;
  line["kind"] = to_string(conversation.kind);
  line["pass"] = conversation.pass;
  if (conversation.kind == ConversationKind::kUpdate) {
    line["section"] = conversation.section_index;
    line["bytes"] = {conversation.section_byte_begin, conversation.section_byte_end};
  }
  line["decision"] = to_string(conversation.decision);
  if (conversation.kind == ConversationKind::kUpdate) {
    line["stop_reading"] = conversation.stop_reading;
  }
  line["stop"] = to_string(response.stop);
  if (!response.error.empty()) line["error"] = response.error;
  line["prompt_tokens"] = response.prompt_tokens;
  line["generated_tokens"] = response.generated_tokens;
  if (options.prompt) {
    ordered_json& prompt = line["prompt"];
    if (conversation.prompt.messages.empty()) {
      prompt["tokens"] = conversation.prompt.tokens;
    } else {
      for (const Message& message : conversation.prompt.messages) {
        prompt["messages"].push_back({{"role", message.role}, {"content", message.content}});
      }
    }
  }
  line["response"] = response.text;
  if (!response.tokens.empty()) line["response_tokens"] = response.tokens;
  if (!response.logprobs.empty()) line["logprobs"] = response.logprobs;
  line["memory"] = conversation.memory.text;
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace memagent
