// A whole chat as one Prompt, for conversations that fit a model's window and need no reading.
#pragma once

#include <vector>

#include "memagent/prompts.h"

namespace memagent {

struct ChatPromptOptions {
  ChatFormat format = ChatFormat::kPlain;
  bool as_tokens = false;  // token ids, else the messages as they are
  bool suppress_thinking = false;
};

// Up to where the model's next message begins. What messages say is ordinary text, whatever control
// tokens are written in it. In kPlain every message is followed by an empty line; a chat with an
// assistant's message in it gets "User: " and "Assistant: " before its messages. Throws
// Error(kUsage) if the vocabulary lacks a control token of the format.
Prompt chat_prompt(const std::vector<Message>& messages, const ChatPromptOptions& options,
                   const Tokenizer& tokenizer);

}  // namespace memagent
