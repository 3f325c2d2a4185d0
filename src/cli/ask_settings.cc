#include "cli/ask_settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/fail.h"
#include "cli/lengths.h"

namespace memagent {
namespace {

using nlohmann::json;

const char* to_string(Cut cut) { return cut == Cut::kNatural ? "natural" : "exact"; }

// One overload per type of setting: from the text of a flag.
void parse(const char* flag, const std::string& text, std::int32_t& value) {
  const std::int64_t length = parse_length(flag, text);
  if (length > std::numeric_limits<std::int32_t>::max()) {
    fail(ErrorKind::kUsage, "{}: {} is too large: at most 2,147,483,647", flag, text);
  }
  value = static_cast<std::int32_t>(length);
}

void parse(const char* flag, const std::string& text, float& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value) || value < 0) {
    fail(ErrorKind::kUsage, "{}: '{}' is not a number, 0 or more: write one such as 0.7", flag,
         text);
  }
}

void parse(const char* flag, const std::string& text, std::uint64_t& value) {
  value = parse_seed(flag, text);
}

void parse(const char*, const std::string& text, Policy& value) { value = parse_policy(text); }
void parse(const char*, const std::string& text, Layout& value) { value = parse_layout(text); }
void parse(const char*, const std::string& text, ChatFormat& value) {
  value = parse_chat_format(text);
}
void parse(const char* flag, const std::string& text, Cut& value) {
  if (text == "natural") {
    value = Cut::kNatural;
  } else if (text == "exact") {
    value = Cut::kExact;
  } else {
    fail(ErrorKind::kUsage, "{}: unknown '{}': choose natural or exact", flag, text);
  }
}

template <typename T>
AskSetting row(const char* key, const char* flag, const char* value_name, const char* help,
               std::optional<T> AskSettings::*member) {
  return {key,
          flag,
          value_name,
          help,
          [flag, member](AskSettings& settings, const std::string& text) {
            T value{};
            parse(flag, text, value);
            settings.*member = value;
          },
          [member](const AskSettings& settings) -> std::string {
            const std::optional<T>& value = settings.*member;
            if (!value) return "";
            if constexpr (std::is_enum_v<T>) {
              return json(to_string(*value)).dump();
            } else {
              return json(*value).dump();
            }
          }};
}

template <typename T>
void set_default(std::optional<T>& setting, T value) {
  if (!setting) setting = value;
}

}  // namespace

std::span<const AskSetting> ask_settings_table() {
  using S = AskSettings;
  static const std::vector<AskSetting> table = {
      row("section_tokens", "--section-tokens", "N",
          "Tokens of the document read at a time (default 5000, less in a small window)",
          &S::section_tokens),
      row("memory_tokens", "--memory-tokens", "N", "Most tokens the memory may have (1024)",
          &S::memory_tokens),
      row("output_tokens", "--output-tokens", "N", "Most tokens of the answer (1024)",
          &S::output_tokens),
      row("question_tokens", "--question-tokens", "N", "Most tokens of the question (1024)",
          &S::question_tokens),
      row("window_tokens", "--window-tokens", "N",
          "Most tokens the model may see at once (default: what the model says)",
          &S::window_tokens),
      row("policy", "--policy", "NAME",
          "overwrite: each section rewrites the memory; gated: the model first says whether "
          "it changes at all (overwrite)",
          &S::policy),
      row("layout", "--layout", "NAME",
          "question-first, or section-first, which lets several questions share the work on "
          "a section (question-first)",
          &S::layout),
      row("cut", "--cut", "NAME",
          "natural: end sections at a paragraph or sentence; exact: at the token (natural)",
          &S::cut),
      row("passes", "--passes", "N", "Times the document is read (1)", &S::passes),
      row("chat_format", "--chat-format", "NAME",
          "chatml, llama3 or plain (default: told from the model)", &S::chat_format),
      row("temperature", "--temperature", "T", "0: always the likeliest token (0)",
          &S::temperature),
      row("top_p", "--top-p", "P", "Draw from the likeliest tokens of this total probability (1)",
          &S::top_p),
      row("top_k", "--top-k", "K", "Draw from the K likeliest tokens; 0: all (0)", &S::top_k),
      row("min_p", "--min-p", "P",
          "Draw from tokens at least this fraction as likely as the likeliest (0)", &S::min_p),
      row("seed", "--seed", "N", "The same seed gives the same draws (0)", &S::seed),
  };
  return table;
}

std::string to_json(const AskSettings& settings) {
  json object = json::object();
  for (const AskSetting& setting : ask_settings_table()) {
    const std::string value = setting.json(settings);
    if (!value.empty()) object[setting.key] = json::parse(value);
  }
  return object.dump();
}

void fill_unset(AskSettings& settings, const std::string& text) {
  const json object = json::parse(text);
  for (const AskSetting& setting : ask_settings_table()) {
    if (!setting.json(settings).empty() || !object.contains(setting.key)) continue;
    const json& value = object[setting.key];
    setting.parse(settings, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

void set_from(AskSettings& settings, const std::string& text, const std::string& prefix) {
  const json object = json::parse(text);
  for (const AskSetting& setting : ask_settings_table()) {
    if (!object.contains(setting.key)) continue;
    const json& value = object[setting.key];
    try {
      setting.parse(settings, value.is_string() ? value.get<std::string>() : value.dump());
    } catch (const Error& error) {
      std::string message = error.what();
      const std::string flag = std::string(setting.flag) + ": ";
      if (message.starts_with(flag)) message.erase(0, flag.size());
      fail(error.kind(), "{}{}: {}", prefix, setting.key, message);
    }
  }
}

EpisodeConfig resolve(AskSettings& s, std::int32_t context_tokens, const PromptRenderer& renderer) {
  constexpr std::int32_t kPaperWindow = 8192;
  set_default(s.policy, Policy::kOverwrite);
  set_default(s.layout, Layout::kQuestionFirst);
  set_default(s.cut, Cut::kNatural);
  if (s.window_tokens.value_or(0) == 0) s.window_tokens = context_tokens;
  if (context_tokens > 0 && *s.window_tokens > context_tokens) {
    fail(ErrorKind::kUsage,
         "--window-tokens: {} is more than the {} tokens that the model can see: leave it out or "
         "choose less",
         *s.window_tokens, context_tokens);
  }
  const std::int32_t window =
      *s.window_tokens == 0 ? kPaperWindow : std::min(*s.window_tokens, kPaperWindow);
  set_default(s.question_tokens, window / 8);
  set_default(s.memory_tokens, window / 8);
  set_default(s.output_tokens, window / 8);
  set_default(s.passes, 1);
  set_default(s.temperature, 0.0F);
  set_default(s.top_p, 1.0F);
  set_default(s.min_p, 0.0F);
  set_default(s.top_k, 0);
  set_default(s.seed, std::uint64_t{0});

  EpisodeConfig config;
  config.policy = *s.policy;
  config.layout = *s.layout;
  config.window_tokens = *s.window_tokens;
  config.question_tokens = *s.question_tokens;
  config.memory_tokens = *s.memory_tokens;
  config.output_tokens = *s.output_tokens;
  config.passes = *s.passes;
  config.sampling.temperature = *s.temperature;
  config.sampling.top_p = *s.top_p;
  config.sampling.min_p = *s.min_p;
  config.sampling.top_k = *s.top_k;
  config.sampling.seed = *s.seed;
  if (!s.section_tokens) {
    const auto share = static_cast<std::int32_t>(std::int64_t{window} * 5000 / kPaperWindow);
    s.section_tokens = share;
    if (config.window_tokens > 0) {
      // At least 1, so that a window without room for anything is refused by validate().
      s.section_tokens = std::max(1, std::min(share, largest_section_tokens(config, renderer)));
    }
  }
  config.section_tokens = *s.section_tokens;
  validate(config, renderer);
  return config;
}

}  // namespace memagent
