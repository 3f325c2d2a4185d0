// What recipes leave to chance, drawn from a stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "memagent/prompts.h"
#include "task/task.h"
#include "train/recipe.h"

namespace memagent {

// From range[0] to range[1], evenly in logarithm.
std::int64_t drawn_length(RandomStream& random, const std::vector<std::int64_t>& range);
// True for that share of draws. A share of 0 draws nothing: other draws are as without it.
bool drawn_share(RandomStream& random, double share);
// The number of a task, by weight.
std::size_t drawn_task(RandomStream& random, const std::vector<TaskWeight>& tasks);
// The first of draw(0), draw(1) and so on whose question has at most `question_tokens`: those of a
// data set may be longer than a reader has room for. Throws Error(kBadInput) naming `where`, the
// recipe's place, when a hundred in a row are.
std::shared_ptr<const Sample> drawn_until_it_fits(
    const std::function<std::shared_ptr<const Sample>(std::uint64_t attempt)>& draw,
    const PromptRenderer& renderer, std::int32_t question_tokens, const std::string& where);

}  // namespace memagent
