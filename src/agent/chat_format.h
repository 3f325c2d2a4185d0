// What a chat format puts before and after the one user message of a conversation, as parts that
// keep control tokens apart from text. Knows nothing of what the message says.
#pragma once

#include <string>
#include <vector>

#include "memagent/prompts.h"

namespace memagent {

struct ChatPart {
  enum class Kind {
    kText,           // ordinary text
    kControl,        // a special token, which the vocabulary must have
    kControlOrText,  // a special token where the vocabulary has it, else the same as text
  };
  Kind kind = Kind::kText;
  std::string text;
};

struct ChatFrame {
  std::vector<ChatPart> before;
  std::vector<ChatPart> after;  // up to where the model's response begins
};

// `plain_cue` is used by kPlain alone. With `suppress_thinking` a ChatML response begins after an
// empty think block (Qwen3's way of switching thinking off); the other formats know no such switch.
ChatFrame chat_frame(ChatFormat format, const std::string& system, const std::string& plain_cue,
                     bool suppress_thinking);

// Whether the chat template has the switch that an empty think block stands for.
bool template_knows_thinking(const std::string& chat_template);

}  // namespace memagent
