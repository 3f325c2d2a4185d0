#include "agent/chat_format.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "base/check.h"
#include "text/vocabulary.h"

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

ChatFrame turn_frame(ChatFormat format, const std::string& role) {
  switch (format) {
    case ChatFormat::kPlain:
      break;
    case ChatFormat::kChatMl:
      return {{{Kind::kControl, "<|im_start|>"}, {Kind::kText, role + "\n"}},
              {{Kind::kControl, "<|im_end|>"}, {Kind::kText, "\n"}}};
    case ChatFormat::kLlama3:
      return {{{Kind::kControl, "<|start_header_id|>"},
               {Kind::kText, role},
               {Kind::kControl, "<|end_header_id|>"},
               {Kind::kText, "\n\n"}},
              {{Kind::kControl, "<|eot_id|>"}}};
  }
  MEMAGENT_CHECK(false, "{} chats have no turns", to_string(format));
  return {};
}

std::vector<ChatPart> response_start(ChatFormat format, bool suppress_thinking) {
  std::vector<ChatPart> parts = turn_frame(format, "assistant").before;
  if (format == ChatFormat::kChatMl && suppress_thinking) {
    parts.push_back({Kind::kControlOrText, "<think>"});
    parts.push_back({Kind::kText, "\n\n"});
    parts.push_back({Kind::kControlOrText, "</think>"});
    parts.push_back({Kind::kText, "\n\n"});
  }
  return parts;
}

ChatFrame chat_frame(ChatFormat format, const std::string& system, const std::string& plain_cue,
                     bool suppress_thinking) {
  ChatFrame frame;
  if (format == ChatFormat::kPlain) {
    if (!system.empty()) frame.before.push_back({Kind::kText, system + "\n\n"});
    frame.after.push_back(
        {Kind::kText, plain_cue.empty() ? std::string("\n") : "\n\n" + plain_cue + "\n"});
    return frame;
  }
  const auto append = [](std::vector<ChatPart>& to, std::vector<ChatPart> parts) {
    std::move(parts.begin(), parts.end(), std::back_inserter(to));
  };
  if (!system.empty()) {
    ChatFrame turn = turn_frame(format, "system");
    append(frame.before, std::move(turn.before));
    frame.before.push_back({Kind::kText, system});
    append(frame.before, std::move(turn.after));
  }
  ChatFrame turn = turn_frame(format, "user");
  append(frame.before, std::move(turn.before));
  frame.after = std::move(turn.after);
  append(frame.after, response_start(format, suppress_thinking));
  return frame;
}

bool begins_with_space(const Tokenizer& tokenizer) {
  const Vocabulary* vocabulary = vocabulary_of(tokenizer);
  return vocabulary != nullptr && vocabulary->kind != VocabularyKind::kByteLevelBpe &&
         vocabulary->add_space_prefix;
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
