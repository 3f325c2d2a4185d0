// What a chat format puts before and after messages, as parts that keep control tokens apart from
// text. Knows nothing of what the messages say.
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

// One message of a chat in kChatMl or kLlama3: what stands around its text.
ChatFrame turn_frame(ChatFormat format, const std::string& role);
// What stands between the last message and the model's response, in the same formats.
std::vector<ChatPart> response_start(ChatFormat format, bool suppress_thinking);

// `plain_cue` is used by kPlain alone. With `suppress_thinking` a ChatML response begins after an
// empty think block (Qwen3's way of switching thinking off); the other formats know no such switch.
ChatFrame chat_frame(ChatFormat format, const std::string& system, const std::string& plain_cue,
                     bool suppress_thinking);

// Whether text at the very beginning needs a space in front: Llama 2 and its kin have never seen a
// prompt whose text does not begin with one.
bool begins_with_space(const Tokenizer& tokenizer);

// Whether the chat template has the switch that an empty think block stands for.
bool template_knows_thinking(const std::string& chat_template);

}  // namespace memagent
