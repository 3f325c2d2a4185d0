// The policy's loss over learnt tokens, as a sum: who adds sums of several pieces and divides once,
// by the token count of the whole batch, gets the same gradient however the batch was cut.
//
//   ratio = exp(logprob - old)
//   loss = sum_t w_t (-min(ratio A, clip(ratio, 1 - clip_low, 1 + clip_high) A))
//        + kl sum_t (exp(reference - logprob) - (reference - logprob) - 1)
//        - entropy sum_t H_t
//
// Sources: PPO's clip, arXiv 1707.06347, eq. 7, with two bounds as in DAPO, arXiv 2503.14476, eq.
// 8; k3, the KL estimator that is never negative, as in GRPO, arXiv 2402.03300, eq. 4; token mean
// over all conversations, arXiv 2507.02259, eq. 6. w_t = min(exp(old - rollout), importance_cap)
// mends the gap between what sampled (another engine, or older weights) and what trains; it is a
// constant to the gradient. Pure functions of tensors.
#pragma once

#include <torch/types.h>

namespace memagent {

struct PolicyLossOptions {
  double clip_low = 0.2;      // ratios below 1 - clip_low gain nothing
  double clip_high = 0.2;     // above 1 + clip_high
  double kl = 1e-3;           // weight of the KL to the reference; 0: none is needed
  double entropy = 0;         // weight of the entropy bonus; 0: none is needed
  double importance_cap = 2;  // of w_t; 0: w_t is 1
};

// Each [rows]. Only `logprobs` and `entropy` carry gradients.
struct PolicyLossInput {
  torch::Tensor logprobs;    // under the weights being trained
  torch::Tensor old;         // before the first update on this batch, by the trainer
  torch::Tensor rollout;     // when sampled; may be undefined: no correction
  torch::Tensor reference;   // of the frozen reference; may be undefined if kl is 0
  torch::Tensor entropy;     // may be undefined if entropy is 0
  torch::Tensor advantages;  // of the trajectory each token belongs to
};

// Sums over rows, apart from the count they are divided by.
struct PolicyLossSums {
  double count = 0;
  double loss = 0;
  double clipped = 0;  // tokens whose ratio the clip held back
  double kl = 0;       // k3
  double entropy = 0;
  double gap = 0;            // |old - rollout|
  double capped = 0;         // tokens whose importance weight met the cap
  double largest_ratio = 0;  // a maximum, not a sum
  void add(const PolicyLossSums& other);
};

// The scalar to call backward() on, not yet divided; `sums` is added to.
torch::Tensor policy_loss(const PolicyLossInput& input, const PolicyLossOptions& options,
                          PolicyLossSums& sums);

}  // namespace memagent
