// What recipes leave to chance, drawn from a stream.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "train/recipe.h"

namespace memagent {

// From range[0] to range[1], evenly in logarithm.
std::int64_t drawn_length(RandomStream& random, const std::vector<std::int64_t>& range);
// True for that share of draws. A share of 0 draws nothing: other draws are as without it.
bool drawn_share(RandomStream& random, double share);
// The number of a task, by weight.
std::size_t drawn_task(RandomStream& random, const std::vector<TaskWeight>& tasks);

}  // namespace memagent
