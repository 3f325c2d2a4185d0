// How much better a trajectory was than its group: what every token of it is pushed by.
//
// A group is the G trajectories rolled out for one question. Sources: GRPO, arXiv 2402.03300, eq. 3
// (there divided by the standard deviation); one advantage for all conversations of a trajectory,
// arXiv 2507.02259, section 3.2; groups that teach nothing, and the penalty for long responses,
// DAPO, arXiv 2503.14476, sections 3.2 and 3.4. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace memagent {

struct AdvantageOptions {
  // Divide by the standard deviation of the group's rewards (GRPO). Off: questions on which the
  // group nearly agrees are not blown up.
  bool divide_by_deviation = false;
  // The answer conversation alone is pushed: an ablation; memories then learn nothing.
  bool answer_only = false;
};

// advantage_i = r_i - mean(r), optionally / std(r). Zero for a group of one and where all are
// equal. The deviation is the population's, sqrt(mean((r - mean)^2)).
std::vector<double> group_advantages(std::span<const double> rewards,
                                     const AdvantageOptions& options);

// False where every advantage is zero: the group may be replaced by another (dynamic sampling).
bool teaches(std::span<const double> rewards);

// Added to the reward of a response of `tokens` tokens: 0 up to limit - buffer, then falling
// linearly to -1 at the limit, -1 beyond. `buffer` 0: no penalty at all.
double overlong_penalty(std::int64_t tokens, std::int64_t limit, std::int64_t buffer);

}  // namespace memagent
