#include "train/step_reward.h"

#include <algorithm>

#include "task/verifier.h"

namespace memagent {
namespace {

// The share of the values of all evidence that a memory holds.
double share_noted(const Row& row, const std::string& memory) {
  const AnswerText text(memory);
  double held = 0;
  double all = 0;
  for (const Evidence& fact : row.evidence) {
    for (const std::string& value : fact.values) {
      ++all;
      if (text.contains(value)) ++held;
    }
  }
  return all > 0 ? held / all : 0;
}

bool ends_in(const Evidence& fact, const Conversation& update) {
  return fact.byte_end > update.section_byte_begin && fact.byte_end <= update.section_byte_end;
}

bool is_known(const Evidence& fact) { return fact.byte_end >= 0; }

}  // namespace

bool any(const StepRewardOptions& options) {
  return options.gate != 0 || options.exit != 0 || options.form != 0 || options.noted != 0;
}

std::vector<double> step_rewards(const Row& row, const Trajectory& trajectory, double answer_score,
                                 const StepRewardOptions& options) {
  const bool known =
      !row.evidence.empty() && std::all_of(row.evidence.begin(), row.evidence.end(), is_known);
  std::vector<double> rewards;
  const std::string* before = nullptr;  // the memory; null: nothing is noted yet
  double noted = 0;
  for (const Conversation& said : trajectory.conversations) {
    double reward = 0;
    if (said.kind == ConversationKind::kAnswer) {
      rewards.push_back(answer_score);
      continue;
    }
    const bool failed = said.decision == Decision::kFailed;
    const bool malformed = said.decision == Decision::kMalformed;
    const bool writes =
        (said.decision == Decision::kOverwrite || said.decision == Decision::kAdd) &&
        (before == nullptr || said.memory.text != *before);
    if (known && !failed && !malformed) {
      const bool has_fact = std::any_of(row.evidence.begin(), row.evidence.end(),
                                        [&](const Evidence& fact) { return ends_in(fact, said); });
      const bool all_read =
          std::all_of(row.evidence.begin(), row.evidence.end(),
                      [&](const Evidence& fact) { return fact.byte_end <= said.section_byte_end; });
      if (writes == has_fact) reward += options.gate;
      if (said.stop_reading == all_read) reward += options.exit;
    }
    if (malformed) reward -= options.form;
    if (options.noted != 0 && !failed) {
      const double now = share_noted(row, said.memory.text);
      reward += options.noted * (now - noted);
      noted = now;
    }
    before = &said.memory.text;
    rewards.push_back(reward);
  }
  return rewards;
}

}  // namespace memagent
