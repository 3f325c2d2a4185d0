#include "agent/chat_format.h"

#include <algorithm>
#include <initializer_list>

namespace memagent {
namespace {

using Kind = ChatPart::Kind;

bool has_all(const Tokenizer& tokenizer, std::initializer_list<const char*> names) {
  return std::all_of(names.begin(), names.end(),
                     [&](const char* name) { return tokenizer.special_token(name).has_value(); });
}

bool ends_with(const Tokenizer& tokenizer, const char* name) {
  const auto id = tokenizer.special_token(name);
  const auto ends = tokenizer.end_tokens();
  return id && std::find(ends.begin(), ends.end(), *id) != ends.end();
}

}  // namespace

ChatFrame chat_frame(ChatFormat format, const std::string& system, const std::string& plain_cue,
                     bool suppress_thinking) {
  ChatFrame frame;
  switch (format) {
    case ChatFormat::kPlain:
      if (!system.empty()) frame.before.push_back({Kind::kText, system + "\n\n"});
      frame.after.push_back(
          {Kind::kText, plain_cue.empty() ? std::string("\n") : "\n\n" + plain_cue + "\n"});
      break;
    case ChatFormat::kChatMl:
      if (!system.empty()) {
        frame.before.push_back({Kind::kControl, "<|im_start|>"});
        frame.before.push_back({Kind::kText, "system\n" + system});
        frame.before.push_back({Kind::kControl, "<|im_end|>"});
        frame.before.push_back({Kind::kText, "\n"});
      }
      frame.before.push_back({Kind::kControl, "<|im_start|>"});
      frame.before.push_back({Kind::kText, "user\n"});
      frame.after.push_back({Kind::kControl, "<|im_end|>"});
      frame.after.push_back({Kind::kText, "\n"});
      frame.after.push_back({Kind::kControl, "<|im_start|>"});
      frame.after.push_back({Kind::kText, "assistant\n"});
      if (suppress_thinking) {
        frame.after.push_back({Kind::kControlOrText, "<think>"});
        frame.after.push_back({Kind::kText, "\n\n"});
        frame.after.push_back({Kind::kControlOrText, "</think>"});
        frame.after.push_back({Kind::kText, "\n\n"});
      }
      break;
    case ChatFormat::kLlama3:
      if (!system.empty()) {
        frame.before.push_back({Kind::kControl, "<|start_header_id|>"});
        frame.before.push_back({Kind::kText, "system"});
        frame.before.push_back({Kind::kControl, "<|end_header_id|>"});
        frame.before.push_back({Kind::kText, "\n\n" + system});
        frame.before.push_back({Kind::kControl, "<|eot_id|>"});
      }
      frame.before.push_back({Kind::kControl, "<|start_header_id|>"});
      frame.before.push_back({Kind::kText, "user"});
      frame.before.push_back({Kind::kControl, "<|end_header_id|>"});
      frame.before.push_back({Kind::kText, "\n\n"});
      frame.after.push_back({Kind::kControl, "<|eot_id|>"});
      frame.after.push_back({Kind::kControl, "<|start_header_id|>"});
      frame.after.push_back({Kind::kText, "assistant"});
      frame.after.push_back({Kind::kControl, "<|end_header_id|>"});
      frame.after.push_back({Kind::kText, "\n\n"});
      break;
  }
  return frame;
}

bool template_knows_thinking(const std::string& chat_template) {
  return chat_template.find("enable_thinking") != std::string::npos;
}

ChatFormat detect_chat_format(const LanguageModel& model) {
  return detect_chat_format(*model.tokenizer(), model.chat_template());
}

ChatFormat detect_chat_format(const Tokenizer& tokenizer, const std::string& chat) {
  const bool chat_ml = has_all(tokenizer, {"<|im_start|>", "<|im_end|>"});
  const bool llama3 =
      has_all(tokenizer, {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"});
  if (!chat.empty()) {
    if (chat_ml && chat.find("<|im_start|>") != std::string::npos) return ChatFormat::kChatMl;
    if (llama3 && chat.find("<|start_header_id|>") != std::string::npos) return ChatFormat::kLlama3;
    return ChatFormat::kPlain;
  }
  // Without a template, a turn's end that ends responses tells a chat model from a base model that
  // merely shares its vocabulary.
  if (chat_ml && ends_with(tokenizer, "<|im_end|>")) return ChatFormat::kChatMl;
  if (llama3 && ends_with(tokenizer, "<|eot_id|>")) return ChatFormat::kLlama3;
  return ChatFormat::kPlain;
}

}  // namespace memagent
