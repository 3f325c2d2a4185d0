#include "agent/budget.h"

#include <cmath>
#include <limits>

#include "base/fail.h"

namespace memagent {
namespace {

void at_least(const char* what, std::int64_t value, std::int64_t least) {
  if (value < least)
    fail(ErrorKind::kUsage, "{} is {}: it must be at least {}", what, value, least);
}

// Everything of an update but its section.
std::int64_t update_tokens_without_section(const EpisodeConfig& config,
                                           const PromptRenderer& renderer) {
  return std::int64_t{renderer.update_overhead_tokens(config.policy, config.layout)} +
         config.question_tokens + config.memory_tokens + update_output_tokens(config, renderer);
}

}  // namespace

std::int32_t update_output_tokens(const EpisodeConfig& config, const PromptRenderer& renderer) {
  return config.memory_tokens + renderer.header_tokens(config.policy);
}

std::int32_t largest_section_tokens(const EpisodeConfig& config, const PromptRenderer& renderer) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (config.window_tokens == 0) return kMost;
  const std::int64_t left = config.window_tokens - update_tokens_without_section(config, renderer);
  return static_cast<std::int32_t>(std::max(left, -kMost));
}

void validate(const EpisodeConfig& config, const PromptRenderer& renderer) {
  constexpr std::int32_t kMostTokens = 1 << 28;  // no sum below overflows
  const std::pair<const char*, std::int32_t> budgets[] = {
      {"question tokens", config.question_tokens},
      {"section tokens", config.section_tokens},
      {"memory tokens", config.memory_tokens},
      {"output tokens", config.output_tokens}};
  for (const auto& [what, tokens] : budgets) {
    at_least(what, tokens, 1);
    if (tokens > kMostTokens) {
      fail(ErrorKind::kUsage, "{} is {}: it must be at most {}", what, tokens, kMostTokens);
    }
  }
  at_least("window tokens", config.window_tokens, 0);
  at_least("passes", config.passes, 1);
  at_least("lookahead", config.lookahead, 1);
  const Sampling& sampling = config.sampling;
  if (!(sampling.temperature >= 0.0F) || !std::isfinite(sampling.temperature)) {
    fail(ErrorKind::kUsage, "temperature is {}: it must be 0 or more", sampling.temperature);
  }
  if (!(sampling.top_p > 0.0F && sampling.top_p <= 1.0F)) {
    fail(ErrorKind::kUsage, "top-p is {}: it must be above 0 and at most 1", sampling.top_p);
  }
  if (!(sampling.min_p >= 0.0F && sampling.min_p <= 1.0F)) {
    fail(ErrorKind::kUsage, "min-p is {}: it must be between 0 and 1", sampling.min_p);
  }
  at_least("top-k", sampling.top_k, 0);

  const std::int32_t empty_memory = renderer.count_tokens(renderer.prompts().empty_memory);
  if (empty_memory > config.memory_tokens) {
    fail(ErrorKind::kUsage,
         "memory tokens is {}, but the memory before the first section takes {}: raise it",
         config.memory_tokens, empty_memory);
  }
  if (config.window_tokens == 0) return;
  const std::int64_t update =
      update_tokens_without_section(config, renderer) + config.section_tokens;
  if (update > config.window_tokens) {
    const std::int32_t most = largest_section_tokens(config, renderer);
    fail(ErrorKind::kUsage,
         "an update takes up to {} tokens (template {} + question {} + memory {} + section {} + "
         "response {}), more than the window of {}: lower {}",
         update, renderer.update_overhead_tokens(config.policy, config.layout),
         config.question_tokens, config.memory_tokens, config.section_tokens,
         update_output_tokens(config, renderer), config.window_tokens,
         most < 1 ? "question and memory tokens: as they are, no section fits"
                  : fmt::format("section tokens to {} or less, or other budgets", most));
  }
  const std::int64_t answer = std::int64_t{renderer.answer_overhead_tokens()} +
                              config.question_tokens + config.memory_tokens + config.output_tokens;
  if (answer > config.window_tokens) {
    fail(ErrorKind::kUsage,
         "an answer takes up to {} tokens (template {} + question {} + memory {} + output {}), "
         "more than the window of {}: lower one of them",
         answer, renderer.answer_overhead_tokens(), config.question_tokens, config.memory_tokens,
         config.output_tokens, config.window_tokens);
  }
}

}  // namespace memagent
