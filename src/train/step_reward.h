// Rewards of single conversations where a row's facts are known: whether the gate opened when it
// should, whether reading stopped when it should, whether the form was kept, and how much of what
// the answer rests on came into the memory.
//
// Sources: gate, exit and form, arXiv 2602.10560 (GRU-Mem); growth of what is noted, arXiv
// 2509.23040 (ReMemR1). Departs from both in that facts are compared by rule, with the verifier's
// comparison of the row's recorded evidence. All are off by default: the final answer alone is what
// the method learns from. Pure functions.
#pragma once

#include <vector>

#include "memagent/trajectory.h"
#include "task/row.h"

namespace memagent {

// What each part is worth; 0: off.
struct StepRewardOptions {
  // An update that writes exactly when a fact of the row ends in its section.
  double gate = 0;
  // An update that says that reading can stop exactly when no fact is still to come.
  double exit = 0;
  // Taken off a malformed update.
  double form = 0;
  // The growth, since the update before, of the share of the row's evidence values that the memory
  // holds; what is lost again counts against the update that lost it.
  double noted = 0;
};

bool any(const StepRewardOptions& options);

// Of each conversation; answers have `answer_score`. Rows without recorded evidence have nothing to
// be rewarded for but form. Conversations that failed have 0.
std::vector<double> step_rewards(const Row& row, const Trajectory& trajectory, double answer_score,
                                 const StepRewardOptions& options);

}  // namespace memagent
