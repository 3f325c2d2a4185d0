#include "agent/chat_prompt.h"

#include <algorithm>

#include "agent/chat_format.h"
#include "base/fail.h"

namespace memagent {
namespace {

// Joins neighbouring texts before they are encoded, as chat templates do.
class Encoder {
 public:
  Encoder(const Tokenizer& tokenizer, ChatFormat format) : tokenizer_(tokenizer), format_(format) {
    if (tokenizer.adds_bos() && tokenizer.bos()) tokens_.push_back(*tokenizer.bos());
  }
  void add(const ChatPart& part) {
    if (part.kind == ChatPart::Kind::kText) {
      pending_ += part.text;
      return;
    }
    const std::optional<TokenId> id = tokenizer_.special_token(part.text);
    if (id) {
      flush();
      tokens_.push_back(*id);
    } else if (part.kind == ChatPart::Kind::kControlOrText) {
      pending_ += part.text;
    } else {
      fail(ErrorKind::kUsage,
           "the vocabulary has no token {}, which the {} chat format needs: choose another format",
           part.text, to_string(format_));
    }
  }
  std::vector<TokenId> finish() {
    flush();
    return std::move(tokens_);
  }

 private:
  void flush() {
    tokenizer_.encode(pending_, tokens_);
    pending_.clear();
  }

  const Tokenizer& tokenizer_;
  ChatFormat format_;
  std::string pending_;
  std::vector<TokenId> tokens_;
};

std::string plain_chat(const std::vector<Message>& messages) {
  const bool turns = std::any_of(messages.begin(), messages.end(), [](const Message& message) {
    return message.role == "assistant";
  });
  std::string text;
  for (const Message& message : messages) {
    if (turns && message.role == "user") text += "User: ";
    if (turns && message.role == "assistant") text += "Assistant: ";
    text += message.content + "\n\n";
  }
  if (turns) text += "Assistant:";
  return text;
}

}  // namespace

Prompt chat_prompt(const std::vector<Message>& messages, const ChatPromptOptions& options,
                   const Tokenizer& tokenizer) {
  Prompt prompt;
  if (!options.as_tokens) {
    prompt.messages = messages;
    return prompt;
  }
  Encoder encoder(tokenizer, options.format);
  if (options.format == ChatFormat::kPlain) {
    if (begins_with_space(tokenizer)) encoder.add({ChatPart::Kind::kText, " "});
    encoder.add({ChatPart::Kind::kText, plain_chat(messages)});
  } else {
    for (const Message& message : messages) {
      const ChatFrame frame = turn_frame(options.format, message.role);
      for (const ChatPart& part : frame.before) encoder.add(part);
      encoder.add({ChatPart::Kind::kText, message.content});
      for (const ChatPart& part : frame.after) encoder.add(part);
    }
    for (const ChatPart& part : response_start(options.format, options.suppress_thinking)) {
      encoder.add(part);
    }
  }
  prompt.tokens = encoder.finish();
  return prompt;
}

}  // namespace memagent
