// What the same model does without a memory: it is shown a part of the document, or all of it, and
// answers at once.
//
// A baseline is an Episode whose reading is done, with the text shown where the memory stands: the
// runner, retries and failures are those of every other Episode.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "eval/method.h"
#include "memagent/episode.h"
#include "task/task.h"

namespace memagent {

// The wording of baselines: PromptSet::document in place of PromptSet::answer.
PromptSet baseline_prompts(PromptSet prompts);

// Tokens of the document that fit a window of `window_tokens` beside template, question and answer;
// may be negative.
std::int64_t room_for_document(const EpisodeConfig& config, const PromptRenderer& renderer,
                               const std::string& question, std::int64_t window_tokens);

// At most `tokens` tokens of the document, as the method chooses them; nothing where the method is
// kFull and they do not hold it. Not for Method::kMemory.
std::optional<TokenText> text_shown(Method method, const Sample& sample,
                                    const PromptRenderer& renderer,
                                    const std::shared_ptr<const Tokenizer>& tokenizer,
                                    std::int64_t tokens);

// Answers from `shown`. Budgets and sampling are those of `config`.
Episode baseline_episode(const EpisodeConfig& config,
                         std::shared_ptr<const PromptRenderer> renderer,
                         const std::string& question, TokenText shown);

}  // namespace memagent
