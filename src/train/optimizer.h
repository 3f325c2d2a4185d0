// AdamW with warm-up, decay, clipping by the global norm, a guard against numbers that are not
// finite, and an optional average of the weights.
//
// Source: arXiv 1711.05101, algorithm 2. Gradients are sums: step() divides them by the count it is
// given, once, so that how a batch was cut into pieces does not matter.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "train/policy_network.h"

namespace memagent {

enum class Schedule { kConstant, kLinear, kCosine };

struct OptimizerConfig {
  double learning_rate = 1e-3;     // the highest
  std::int64_t warmup_steps = 50;  // the rate grows from 0 over them
  Schedule schedule = Schedule::kCosine;
  double final_share = 0.1;  // of the rate at the end of the run; not with kConstant
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.01;      // of matrices
  double clip_norm = 1;            // 0: off
  double average = 0;              // decay of the weights' moving average a step; 0: off
  std::int64_t most_skipped = 10;  // steps in a row without a finite gradient before a run ends
};

class Optimizer {
 public:
  Optimizer(const std::vector<Parameter>& parameters, const OptimizerConfig& config);

  struct Step {
    double gradient_norm = 0;  // before clipping
    double rate = 0;
    bool skipped = false;  // the gradient was not finite: nothing changed
  };
  // Uses and clears the gradients. `progress` in [0, 1] is how much of the run is over. Throws
  // Error(kModel) when too many steps in a row were skipped.
  Step step(double count, double progress);
  void clear_gradients();

  // The weights trained, or their average where one is kept: exchanges the two. Call it again to
  // go on training.
  void swap_average();
  bool averages() const { return config_.average > 0; }

  // What a checkpoint holds besides the weights.
  struct Named {
    std::string name;
    torch::Tensor tensor;  // the optimizer's own: copy into it to restore
  };
  std::vector<Named> state() const;
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  struct Moments {
    torch::Tensor first;
    torch::Tensor second;
    torch::Tensor average;  // undefined unless config.average
  };
  double rate(double progress) const;

  std::vector<Parameter> parameters_;
  std::vector<Moments> moments_;
  OptimizerConfig config_;
  std::int64_t steps_ = 0;
  std::int64_t skipped_in_a_row_ = 0;
};

}  // namespace memagent
