// How much better a trajectory was than its group: what every token of it is pushed by.
//
// A group is the G trajectories rolled out for one question. Sources: GRPO, arXiv 2402.03300, eq. 3
// (there divided by the standard deviation); one advantage for all conversations of a trajectory,
// arXiv 2507.02259, section 3.2; groups that teach nothing, and the penalty for long responses,
// DAPO, arXiv 2503.14476, sections 3.2 and 3.4; comparing at the same state, GiGPO, arXiv
// 2505.10978. Pure functions.
//
// A prompt holds all that a reader knows, its section and its memory: equal prompts are the same
// state, exactly, and readers that keep most memories as they are meet in one again and again.
// Rewards compared among those alone (`same_prompt`) leave out what was decided before: of readers
// that noted a name in section 3, section 4 is not praised for it, nor blamed in those that did
// not.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace memagent {

// Which conversations are pushed by what.
enum class Credit {
  kAll,     // every conversation by its trajectory's advantage: the method
  kAnswer,  // the answer conversation alone: an ablation; memories then learn nothing
  kOwn,     // each by the advantage of its own reward (step_reward.h): an ablation
};

struct AdvantageOptions {
  // Divide by the standard deviation of the group's rewards (GRPO). Off: questions on which the
  // group nearly agrees are not blown up.
  bool divide_by_deviation = false;
  Credit credit = Credit::kAll;
  // What the advantage of an update's own reward counts beside its trajectory's (arXiv
  // 2509.23040, arXiv 2602.10560). 0: off.
  double own_weight = 0;
  // Rewards, the answers' and own ones, are compared among the conversations of the group that have
  // equal prompts, in place of the whole group's and of those at the same place: whoever is alone
  // with a prompt has no advantage. For policies that keep memories; overwritten ones are hardly
  // ever equal.
  bool same_prompt = false;
};

// advantage_i = r_i - mean(r), optionally / std(r). Zero for a group of one and where all are
// equal. The deviation is the population's, sqrt(mean((r - mean)^2)).
std::vector<double> group_advantages(std::span<const double> rewards, bool divide_by_deviation);

// A conversation as far as rewards are concerned. Its place is what it is about: pass and section;
// (0, -1) for answers.
struct ScoredConversation {
  std::pair<std::int32_t, std::int64_t> place = {0, -1};
  double own_reward = 0;
  std::uint64_t prompt = 0;  // the same for equal prompts; read with `same_prompt` alone
};
struct ScoredTrajectory {
  double reward = 0;
  std::vector<ScoredConversation> conversations;
};

// Of every conversation of every trajectory of a group: [trajectory][conversation]. Own rewards are
// compared among the conversations of the group at the same place: what could be noted of section 3
// says nothing about section 4, and some trajectories end before either.
std::vector<std::vector<double>> conversation_advantages(std::span<const ScoredTrajectory> group,
                                                         const AdvantageOptions& options);

// False where all rewards are the same, but for rounding, and so every advantage is zero.
bool teaches(std::span<const double> rewards);
// Of a group's conversations: false where all are zero, and the group may be replaced by another
// (dynamic sampling).
bool teaches(std::span<const std::vector<double>> advantages);

// Added to the reward of a response of `tokens` tokens: 0 up to limit - buffer, then falling
// linearly to -1 at the limit, -1 beyond. `buffer` 0: no penalty at all.
double overlong_penalty(std::int64_t tokens, std::int64_t limit, std::int64_t buffer);

}  // namespace memagent
