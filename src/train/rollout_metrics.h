// What is told of rollouts: how right, how long, how obedient. Sums and counts, divided when shown.
//
// Counts every trajectory rolled out, those of groups that are then not learnt from as well.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "train/rollout.h"

namespace memagent {

struct Mean {
  double sum = 0;
  double count = 0;
  void add(double value, double times = 1) {
    sum += value;
    count += times;
  }
  double value() const { return count > 0 ? sum / count : 0; }
};

struct RolloutMetrics {
  std::int64_t groups = 0;
  std::int64_t taught = 0;  // of which there is something to learn from
  std::int64_t failed = 0;  // trajectories with a generation that failed for good; they score 0
  Mean reward;              // of trajectories
  Mean best;                // of groups: their best trajectory
  std::map<std::string, Mean> tasks;     // reward by task
  std::map<std::int64_t, Mean> lengths;  // and by document: at least so many tokens, a power of two
  Mean kept;                             // of updates: the memory stayed as it was
  Mean malformed;                        // of updates
  Mean stopped_early;                    // of trajectories: reading ended before the document did
  Mean truncated;                        // of conversations: the response was cut at its budget
  Mean reply_tokens;                     // of conversations
  Mean memory_tokens;                    // after each update
  Mean entropy;  // of sampled tokens: minus their log-probability, which estimates it
  void add(const Group& group, bool teaches);
  void add(const RolloutMetrics& other);
};

// For other processes: all sums and counts, exactly.
std::string to_json(const RolloutMetrics& metrics);
RolloutMetrics parse_rollout_metrics(const std::string& json);

}  // namespace memagent
