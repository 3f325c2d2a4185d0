// Prompt files: TOML text to PromptSet. The built-in set is such a file, too.
#pragma once

#include <string>
#include <string_view>

#include "memagent/prompts.h"

namespace memagent {

// src/agent/prompts/default.toml as it was when the program was built.
extern const std::string_view kDefaultPromptsToml;

// `file` is for messages. Throws Error(kBadInput) naming file, line and key.
PromptSet parse_prompts(std::string_view toml, const std::string& file);

}  // namespace memagent
