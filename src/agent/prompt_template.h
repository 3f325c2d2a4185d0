// A prompt template as pieces: text of ours, and slots that are filled. Knows nothing of tokens,
// chat formats or files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/prompts.h"

namespace memagent {

enum class PromptSlot { kQuestion, kMemory, kSection };

// Either text, or a slot.
struct TemplatePiece {
  std::string text;
  std::optional<PromptSlot> slot;
};

// Cuts at {question}, {memory} and {section}; any other braces are text.
std::vector<TemplatePiece> split_template(std::string_view text);

// The first thing wrong with a set: the key as written in a prompt file, and what about it.
struct PromptFault {
  std::string key;
  std::string message;
};
std::optional<PromptFault> find_fault(const PromptSet& prompts);

// "update.gated.section_first"
std::string update_key(Policy policy, Layout layout);

}  // namespace memagent
