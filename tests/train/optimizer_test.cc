// The optimizer against torch's AdamW, and what it adds by hand.
#include "train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "memagent/error.h"

namespace memagent {
namespace {

Parameter parameter(const torch::Tensor& value, bool decays) {
  torch::Tensor own = value.clone();
  own.requires_grad_();
  return {"weight", own, decays};
}

OptimizerConfig plain() {
  OptimizerConfig config;
  config.learning_rate = 0.01;
  config.warmup_steps = 0;
  config.schedule = Schedule::kConstant;
  config.clip_norm = 0;
  config.weight_decay = 0.1;
  return config;
}

double worst_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.detach() - b.detach()).abs().max().item<double>();
}

// 67 elements: not a multiple of any vector's width.
TEST(Optimizer, StepsAsTorchsAdamWDoes) {
  for (const torch::ScalarType type : {torch::kFloat, torch::kDouble}) {
    torch::manual_seed(1);
    const torch::Tensor first = torch::randn({67}, type);
    const OptimizerConfig config = plain();
    const Parameter mine = parameter(first, true);
    Optimizer optimizer({mine}, config);
    torch::Tensor theirs = first.clone();
    theirs.requires_grad_();
    torch::optim::AdamW reference({theirs}, torch::optim::AdamWOptions(config.learning_rate)
                                                .betas({config.beta1, config.beta2})
                                                .eps(config.epsilon)
                                                .weight_decay(config.weight_decay));
    for (int i = 0; i < 5; ++i) {
      const torch::Tensor gradient = torch::randn({67}, type);
      mine.value.mutable_grad() = gradient * 3;  // a sum over 3
      theirs.mutable_grad() = gradient.clone();
      optimizer.step(3, 0);
      reference.step();
    }
    EXPECT_LT(worst_difference(mine.value, theirs), type == torch::kFloat ? 2e-6 : 1e-7);
    EXPECT_GT(worst_difference(mine.value, first), 0.01);
  }
}

TEST(Optimizer, LeavesWhatDoesNotDecayToItsGradient) {
  const Parameter mine = parameter(torch::ones({3}), false);
  Optimizer optimizer({mine}, plain());
  mine.value.mutable_grad() = torch::zeros({3});
  optimizer.step(1, 0);
  EXPECT_EQ(worst_difference(mine.value, torch::ones({3})), 0);
}

// Gradient (3, 4), count 1: norm 5, clipped to 1. The first step of Adam moves every element by the
// rate whatever its size, so the norm alone is looked at, and a second parameter shows the scale:
// its moments after one step are (1 - beta1) g.
TEST(Optimizer, ClipsByTheGlobalNorm) {
  OptimizerConfig config = plain();
  config.clip_norm = 1;
  const Parameter a = parameter(torch::zeros({1}), false);
  const Parameter b = parameter(torch::zeros({1}), false);
  Optimizer optimizer({a, b}, config);
  a.value.mutable_grad() = torch::full({1}, 6.0);
  b.value.mutable_grad() = torch::full({1}, 8.0);
  EXPECT_DOUBLE_EQ(optimizer.step(2, 0).gradient_norm, 5);
  EXPECT_NEAR(optimizer.state()[0].tensor.item<double>(), 0.1 * 3.0 / 5, 1e-7);
  EXPECT_NEAR(optimizer.state()[2].tensor.item<double>(), 0.1 * 4.0 / 5, 1e-7);
}

TEST(Optimizer, WarmsUpAndDecays) {
  OptimizerConfig config = plain();
  config.warmup_steps = 4;
  config.schedule = Schedule::kCosine;
  config.final_share = 0.2;
  const Parameter mine = parameter(torch::zeros({1}), false);
  Optimizer optimizer({mine}, config);
  const auto rate = [&](double progress) {
    mine.value.mutable_grad() = torch::ones({1});
    return optimizer.step(1, progress).rate;
  };
  EXPECT_NEAR(rate(0), 0.01 * 1 / 4, 1e-12);
  EXPECT_NEAR(rate(0), 0.01 * 2 / 4, 1e-12);
  rate(0);
  EXPECT_NEAR(rate(0), 0.01, 1e-12);
  // Half way: 0.2 + 0.8 (1 + cos(pi / 2)) / 2 = 0.6. At the end 0.2.
  EXPECT_NEAR(rate(0.5), 0.006, 1e-12);
  EXPECT_NEAR(rate(1), 0.002, 1e-12);
}

// No gradient is a gradient of zero: moments and decay go on, as they do where a sum over processes
// says so.
TEST(Optimizer, AMissingGradientIsZero) {
  OptimizerConfig config;
  config.learning_rate = 0.1;
  config.warmup_steps = 0;
  config.weight_decay = 0.5;
  config.average = 0.9;
  std::vector<torch::Tensor> ends;
  for (const bool missing : {true, false}) {
    torch::Tensor value = torch::ones({3}).requires_grad_();
    Optimizer optimizer({{"w", value, true}}, config);
    value.mutable_grad() = torch::full({3}, 2.0);
    optimizer.step(1, 0);
    if (!missing) value.mutable_grad() = torch::zeros({3});
    optimizer.step(1, 0);
    ends.push_back(value.detach().clone());
    optimizer.swap_average();
    ends.push_back(value.detach().clone());
  }
  EXPECT_TRUE(torch::equal(ends[0], ends[2]));
  EXPECT_TRUE(torch::equal(ends[1], ends[3]));
  EXPECT_LT(ends[0][0].item<float>(), 0.81F);  // two steps of about 0.1, and decay
}

TEST(Optimizer, SkipsAndCountsGradientsThatAreNotFinite) {
  OptimizerConfig config = plain();
  config.most_skipped = 2;
  const Parameter mine = parameter(torch::ones({2}), true);
  Optimizer optimizer({mine}, config);
  const auto bad = [&] {
    mine.value.mutable_grad() = torch::tensor({1.0F, std::numeric_limits<float>::quiet_NaN()});
    return optimizer.step(1, 0);
  };
  EXPECT_TRUE(bad().skipped);
  EXPECT_EQ(worst_difference(mine.value, torch::ones({2})), 0);
  EXPECT_EQ(optimizer.steps(), 0);
  EXPECT_FALSE(mine.value.grad().defined());
  // A good step in between: the count begins again.
  mine.value.mutable_grad() = torch::ones({2});
  EXPECT_FALSE(optimizer.step(1, 0).skipped);
  bad();
  EXPECT_THROW(bad(), Error);
}

// Weights 0, then moved by -rate each step (Adam's step for a constant gradient):
// average = 0.75 average + 0.25 weight: 0, -0.0025, -0.75 * 0.0025 - 0.25 * 0.02.
TEST(Optimizer, KeepsAnAverage) {
  OptimizerConfig config = plain();
  config.average = 0.75;
  const Parameter mine = parameter(torch::zeros({1}), false);
  Optimizer optimizer({mine}, config);
  for (int i = 0; i < 2; ++i) {
    mine.value.mutable_grad() = torch::ones({1});
    optimizer.step(1, 0);
  }
  EXPECT_NEAR(mine.value.item<double>(), -0.02, 1e-6);
  optimizer.swap_average();
  EXPECT_NEAR(mine.value.item<double>(), -0.75 * 0.0025 - 0.25 * 0.02, 1e-6);
  optimizer.swap_average();
  EXPECT_NEAR(mine.value.item<double>(), -0.02, 1e-6);
}

}  // namespace
}  // namespace memagent
