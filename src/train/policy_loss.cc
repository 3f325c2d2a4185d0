#include "train/policy_loss.h"

#include <torch/types.h>

#include <algorithm>

#include "base/check.h"

namespace memagent {
namespace {

// Logarithms of ratios beyond these are as good as infinite, and their exponentials would be.
constexpr double kMostLogRatio = 20;

torch::Tensor bounded(const torch::Tensor& log_ratio) {
  return log_ratio.clamp(-kMostLogRatio, kMostLogRatio);
}

double total(const torch::Tensor& values) {
  return values.detach().sum(torch::kDouble).item<double>();
}

}  // namespace

void PolicyLossSums::add(const PolicyLossSums& other) {
  count += other.count;
  loss += other.loss;
  clipped += other.clipped;
  kl += other.kl;
  entropy += other.entropy;
  gap += other.gap;
  capped += other.capped;
  largest_ratio = std::max(largest_ratio, other.largest_ratio);
}

torch::Tensor policy_loss(const PolicyLossInput& input, const PolicyLossOptions& options,
                          PolicyLossSums& sums) {
  const torch::Tensor& advantages = input.advantages;
  MEMAGENT_CHECK(
      input.logprobs.sizes() == advantages.sizes() && input.old.sizes() == advantages.sizes(),
      "{} log-probabilities, {} advantages", input.logprobs.numel(), advantages.numel());
  PolicyLossSums mine;
  mine.count = static_cast<double>(advantages.numel());
  const torch::Tensor ratio = bounded(input.logprobs - input.old).exp();
  const torch::Tensor plain = ratio * advantages;
  const torch::Tensor held = ratio.clamp(1 - options.clip_low, 1 + options.clip_high) * advantages;
  torch::Tensor gain = torch::min(plain, held);
  mine.clipped = total(held < plain);
  mine.largest_ratio = advantages.numel() > 0 ? ratio.detach().max().item<double>() : 0;
  if (input.rollout.defined()) {
    mine.gap = total((input.old - input.rollout).abs());
    if (options.importance_cap > 0) {
      const torch::Tensor weight = bounded(input.old - input.rollout).exp().detach();
      mine.capped = total(weight > options.importance_cap);
      gain = gain * weight.clamp_max(options.importance_cap);
    }
  }
  torch::Tensor loss = -gain.sum();
  if (options.kl > 0) {
    MEMAGENT_CHECK(input.reference.defined(), "kl {} without a reference", options.kl);
    const torch::Tensor toward = bounded(input.reference - input.logprobs);
    const torch::Tensor k3 = toward.exp() - toward - 1;
    mine.kl = total(k3);
    loss = loss + options.kl * k3.sum();
  }
  if (input.entropy.defined()) mine.entropy = total(input.entropy);
  if (options.entropy > 0) {
    MEMAGENT_CHECK(input.entropy.defined(), "entropy bonus {} without entropy", options.entropy);
    loss = loss - options.entropy * input.entropy.sum();
  }
  mine.loss = loss.item<double>();
  sums.add(mine);
  return loss;
}

}  // namespace memagent
