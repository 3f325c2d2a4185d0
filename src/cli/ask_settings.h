// The settings of `ask` that its outcome depends on: flags, help, names in sessions and reports,
// all from one table.
//
// A setting is unset until a flag, a session that is continued, or resolve() gives it a value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "memagent/document.h"
#include "memagent/episode.h"
#include "memagent/prompts.h"

namespace memagent {

struct AskSettings {
  std::optional<Policy> policy;
  std::optional<Layout> layout;
  std::optional<Cut> cut;
  std::optional<ChatFormat> chat_format;
  std::optional<std::int32_t> window_tokens;
  std::optional<std::int32_t> question_tokens;
  std::optional<std::int32_t> section_tokens;
  std::optional<std::int32_t> memory_tokens;
  std::optional<std::int32_t> output_tokens;
  std::optional<std::int32_t> passes;
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<std::int32_t> top_k;
  std::optional<std::uint64_t> seed;
};

struct AskSetting {
  const char* key;         // in sessions and reports: "section_tokens"
  const char* flag;        // "--section-tokens"
  const char* value_name;  // in the help: "N"
  const char* help;
  // Throws Error(kUsage) naming the flag and the choices.
  std::function<void(AskSettings&, const std::string&)> parse;
  // JSON text of the value; empty if unset.
  std::function<std::string(const AskSettings&)> json;
};
std::span<const AskSetting> ask_settings_table();

// One flat JSON object of the settings that are set.
std::string to_json(const AskSettings& settings);
// Sets what is unset from such an object; other keys are left alone.
void fill_unset(AskSettings& settings, const std::string& json);

// Sets what such an object has, whatever was set before. Throws Error(kUsage) naming the key, after
// `prefix`.
void set_from(AskSettings& settings, const std::string& json, const std::string& prefix);

// Everything unset gets its default. Budgets are those of arXiv 2507.02259 (question 1,024, section
// 5,000, memory 1,024, output 1,024) where the model's context has room for 8,192 tokens or is not
// known; in a smaller window they shrink in proportion. `context_tokens` 0: not known.
EpisodeConfig resolve(AskSettings& settings, std::int32_t context_tokens,
                      const PromptRenderer& renderer);

}  // namespace memagent
