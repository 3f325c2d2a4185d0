// Reinforcement learning of what to remember: multi-conversation GRPO/DAPO (arXiv 2507.02259,
// section 3.2; arXiv 2503.14476).
//
// A step rolls every question out `group` times with the weights as they are, through the same
// Episodes and engine that answer questions; scores the answers; gives each trajectory's advantage
// to all tokens of all its conversations; and updates the weights once or several times. Nothing
// goes through files: the engine takes the network's weights in place.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "train/held_out.h"
#include "train/policy_loss.h"
#include "train/recipe.h"
#include "train/rollout_metrics.h"
#include "train/run_options.h"

namespace memagent {

struct RlStep {
  std::int64_t step = 0;
  RolloutMetrics rollouts;
  PolicyLossSums loss;
  double gradient_norm = 0;
  double rate = 0;
  std::int64_t skipped = 0;         // updates whose gradient was not finite
  double sampled_tokens = 0;        // that the loss is a mean over
  std::int64_t trained_tokens = 0;  // packed, shared beginnings counted once
  std::int64_t staleness = 0;       // updates since the weights that sampled
  double rollout_seconds = 0;
  double update_seconds = 0;
  double waited_seconds = 0;  // for rollouts: with overlap, what the update does not cover
  double seconds = 0;         // of the step, what is held out apart
  HeldOutScores held_out;     // empty at most steps
};

// Until recipe.steps are done; then model.gguf holds the weights.
void train_rl(const RlRecipe& recipe, const RunOptions& options,
              const std::function<void(const RlStep&)>& on_step);

}  // namespace memagent
