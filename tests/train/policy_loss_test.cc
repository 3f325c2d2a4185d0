// The policy's loss: numbers worked out by hand, and its gradient through a whole network against
// finite differences.
#include "train/policy_loss.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "model/local/random_model.h"
#include "train/policy_network.h"

namespace memagent {
namespace {

torch::Tensor column(std::vector<double> values) { return torch::tensor(values, torch::kDouble); }

PolicyLossOptions only_clip() {
  PolicyLossOptions options;
  options.kl = 0;
  options.importance_cap = 0;
  return options;
}

// Ratios 1.5, 1.5, 0.5, 0.5, 1.1 with advantages 2, -2, 2, -2, 1, clipped to [0.8, 1.3]:
//   min(3, 1.3 * 2) = 2.6            held
//   min(-3, -2.6) = -3
//   min(1, 1.6) = 1
//   min(-1, -1.6) = -1.6             held
//   min(1.1, 1.1) = 1.1
// Sum 0.1, loss -0.1.
TEST(PolicyLoss, ClipsWhatGoesTooFarInTheDirectionOfItsAdvantage) {
  PolicyLossInput input;
  input.logprobs =
      column({std::log(1.5), std::log(1.5), std::log(0.5), std::log(0.5), std::log(1.1)});
  input.old = torch::zeros({5}, torch::kDouble);
  input.advantages = column({2, -2, 2, -2, 1});
  PolicyLossOptions options = only_clip();
  options.clip_high = 0.3;
  PolicyLossSums sums;
  EXPECT_NEAR(policy_loss(input, options, sums).item<double>(), -0.1, 1e-12);
  EXPECT_EQ(sums.count, 5);
  EXPECT_EQ(sums.clipped, 2);
  EXPECT_NEAR(sums.largest_ratio, 1.5, 1e-12);
}

// toward = reference - logprob = ln 2: e^toward - toward - 1 = 2 - 0.6931472 - 1 = 0.3068528; and
// ln 0.5: 0.5 + 0.6931472 - 1 = 0.1931472. Together 0.5; a tenth of it 0.05. Entropy 3, weight
// 0.01.
TEST(PolicyLoss, AddsTheDistanceToTheReferenceAndTheEntropy) {
  PolicyLossInput input;
  input.logprobs = column({-2, -1});
  input.old = column({-2, -1});
  input.reference = column({-2 + std::log(2), -1 - std::log(2)});
  input.entropy = column({1, 2});
  input.advantages = column({1, 0});
  PolicyLossOptions options;
  options.kl = 0.1;
  options.entropy = 0.01;
  PolicyLossSums sums;
  EXPECT_NEAR(policy_loss(input, options, sums).item<double>(), -1 + 0.05 - 0.03, 1e-9);
  EXPECT_NEAR(sums.kl, 0.5, 1e-9);
  EXPECT_EQ(sums.entropy, 3);
}

// What was sampled with half the probability the trainer gives it counts twice, with a quarter no
// more than the cap of 3, with twice as much half: 2 * 1 + 3 * 1 + 0.5 * 1 = 5.5.
TEST(PolicyLoss, WeighsForTheGapBetweenSamplerAndTrainer) {
  PolicyLossInput input;
  input.logprobs = column({-1, -1, -1});
  input.old = input.logprobs;
  input.rollout = column({-1 - std::log(2), -1 - std::log(4), -1 + std::log(2)});
  input.advantages = column({1, 1, 1});
  PolicyLossOptions options;
  options.kl = 0;
  options.importance_cap = 3;
  PolicyLossSums sums;
  EXPECT_NEAR(policy_loss(input, options, sums).item<double>(), -5.5, 1e-9);
  EXPECT_EQ(sums.capped, 1);
  EXPECT_NEAR(sums.gap, 4 * std::log(2), 1e-9);
}

// A tiny network in float64, two conversations that share their beginning.
class ThroughANetwork : public testing::Test {
 protected:
  ThroughANetwork() {
    const auto file = test::random_model({});
    PolicyOptions in_double;
    in_double.weights = torch::kDouble;
    in_double.compute = torch::kDouble;
    network_ = std::make_unique<PolicyNetwork>(file->config(), in_double);
    network_->load(*file);
    vocab_ = file->config().vocab_size;
    input_.old = draws(kRows, 1) * 0.4 - 5.5;
    input_.rollout = input_.old + 0.1 * draws(kRows, 2);
    input_.reference = input_.old + 0.3 * draws(kRows, 3);
    input_.advantages = draws(kRows, 4);
    options_.kl = 0.2;
    options_.entropy = 0.1;
  }
  static constexpr std::int64_t kRows = 9;

  static torch::Tensor draws(std::int64_t count, std::uint64_t seed) {
    std::vector<double> values;
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(2 * uniform(seed, static_cast<std::uint64_t>(i)) - 1);
    }
    return column(values);
  }
  std::vector<std::int32_t> tokens(std::int64_t count, std::uint64_t seed) const {
    RandomStream random(seed);
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i) {
      ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab_))));
    }
    return ids;
  }
  // Reply 0 has 4 learnt tokens, reply 1 has 5.
  PackedBatch replies(bool first, bool second) const {
    PackedBatch batch;
    const std::int64_t root = batch.add(tokens(7, 10));
    if (first) batch.learn(batch.add(tokens(6, 11), root), 2, 6);
    if (second) batch.learn(batch.add(tokens(5, 12), root), 0, 5);
    return batch;
  }
  PolicyLossInput part(std::int64_t begin, std::int64_t end) const {
    PolicyLossInput some;
    some.old = input_.old.slice(0, begin, end);
    some.rollout = input_.rollout.slice(0, begin, end);
    some.reference = input_.reference.slice(0, begin, end);
    some.advantages = input_.advantages.slice(0, begin, end);
    return some;
  }
  torch::Tensor loss(const PackedBatch& batch, PolicyLossInput input) {
    const TokenLogprobs now = network_->logprobs(batch, true);
    input.logprobs = now.logprobs;
    input.entropy = now.entropy;
    return policy_loss(input, options_, sums_);
  }
  std::vector<torch::Tensor> take_gradients() {
    std::vector<torch::Tensor> gradients;
    for (const Parameter& parameter : network_->parameters()) {
      torch::Tensor value = parameter.value;
      gradients.push_back(value.grad().clone());
      value.mutable_grad().reset();
    }
    return gradients;
  }

  std::unique_ptr<PolicyNetwork> network_;
  std::int64_t vocab_ = 0;
  PolicyLossInput input_;
  PolicyLossOptions options_;
  PolicyLossSums sums_;
};

TEST_F(ThroughANetwork, GradientIsThatOfFiniteDifferences) {
  const PackedBatch batch = replies(true, true);
  loss(batch, part(0, kRows)).backward();
  const std::vector<torch::Tensor> gradients = take_gradients();
  EXPECT_GT(sums_.clipped, 0);
  EXPECT_LT(sums_.clipped, kRows);
  constexpr double kStep = 1e-5;
  int checked = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    torch::Tensor value = network_->parameters()[i].value.detach().view({-1});
    const torch::Tensor gradient = gradients[i].view({-1});
    for (int probe = 0; probe < 4; ++probe) {
      const auto at = static_cast<std::int64_t>(uniform(i, static_cast<std::uint64_t>(probe)) *
                                                static_cast<double>(value.numel()));
      const torch::NoGradGuard no_gradients;
      const double here = value[at].item<double>();
      value[at] = here + kStep;
      const double above = loss(batch, part(0, kRows)).item<double>();
      value[at] = here - kStep;
      const double below = loss(batch, part(0, kRows)).item<double>();
      value[at] = here;
      const double want = (above - below) / (2 * kStep);
      // The difference's own error: third derivatives times step^2, and rounding over the step.
      EXPECT_NEAR(gradient[at].item<double>(), want, 1e-6 * (1 + std::abs(want)))
          << network_->parameters()[i].name << " " << at;
      ++checked;
    }
  }
  EXPECT_GT(checked, 40);
}

TEST_F(ThroughANetwork, GradientDoesNotDependOnHowABatchIsCut) {
  loss(replies(true, true), part(0, kRows)).backward();
  const std::vector<torch::Tensor> whole = take_gradients();
  const PolicyLossSums sums = sums_;
  sums_ = {};
  loss(replies(true, false), part(0, 4)).backward();
  loss(replies(false, true), part(4, kRows)).backward();
  const std::vector<torch::Tensor> cut = take_gradients();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_LT((whole[i] - cut[i]).abs().max().item<double>(), 1e-12);
  }
  EXPECT_NEAR(sums.loss, sums_.loss, 1e-12);
  EXPECT_EQ(sums.count, sums_.count);
  EXPECT_EQ(sums.clipped, sums_.clipped);
}

TEST_F(ThroughANetwork, NothingIsLearntWithoutAdvantage) {
  options_.kl = 0;
  options_.entropy = 0;
  PolicyLossInput input = part(0, kRows);
  input.advantages = torch::zeros({kRows}, torch::kDouble);
  loss(replies(true, true), input).backward();
  for (const torch::Tensor& gradient : take_gradients()) {
    EXPECT_EQ(gradient.abs().max().item<double>(), 0);
  }
}

// Probabilities that are all but 0 now, before or to the reference; exp(500) is no float.
TEST(PolicyLoss, ExtremeRatiosStayFinite) {
  PolicyLossInput input;
  input.logprobs = torch::tensor({-500.0, 0.0}, torch::kFloat).requires_grad_();
  input.old = torch::tensor({0.0, -500.0}, torch::kFloat);
  input.rollout = torch::tensor({-500.0, 0.0}, torch::kFloat);
  input.reference = torch::tensor({0.0, -500.0}, torch::kFloat);
  input.advantages = torch::tensor({1.0, -1.0}, torch::kFloat);
  PolicyLossSums sums;
  policy_loss(input, {}, sums).backward();
  EXPECT_TRUE(std::isfinite(sums.loss));
  EXPECT_TRUE(torch::isfinite(input.logprobs.grad()).all().item<bool>());
}

}  // namespace
}  // namespace memagent
