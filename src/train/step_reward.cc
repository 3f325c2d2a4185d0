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

bool holds(const std::string* memory, const Evidence& fact) {
  if (memory == nullptr) return false;
  const AnswerText text(*memory);
  return std::ranges::all_of(fact.values,
                             [&](const std::string& value) { return text.contains(value); });
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
      // Read again, a section has nothing to write that is held already, and everything has been
      // read.
      const bool again = said.pass > 0;
      const bool has_fact = std::ranges::any_of(row.evidence, [&](const Evidence& fact) {
        return ends_in(fact, said) && !(again && holds(before, fact));
      });
      const bool all_read = again || std::ranges::all_of(row.evidence, [&](const Evidence& fact) {
                              return fact.byte_end <= said.section_byte_end;
                            });
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
