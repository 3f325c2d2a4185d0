// Layers whose insides are made again in the backward pass: the same gradients to the last bit, as
// the same operations are done in the same order, and insides that are gone in between.
#include "train/recomputed.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <vector>

#include "base/random.h"
#include "model/local/random_model.h"
#include "train/policy_network.h"

namespace memagent {
namespace {

using test::random_model;
using test::RandomModelOptions;

TEST(Recomputed, CallsTwiceAndKeepsNothing) {
  const torch::Tensor w = torch::randn({5, 5}).requires_grad_();
  const torch::Tensor unused = torch::randn({3}).requires_grad_();
  int calls = 0;
  torch::Tensor inside;  // held here alone once the call is over
  const auto work = [&](const torch::Tensor& x) {
    ++calls;
    inside = torch::mm(x, w);
    return torch::tanh(inside);
  };
  for (const bool x_learns : {true, false}) {
    calls = 0;
    const torch::Tensor numbers = torch::randn({4, 5});
    const torch::Tensor x = numbers.clone().requires_grad_(x_learns);
    const torch::Tensor y = recomputed(work, x, {w, unused});
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(inside.use_count(), 1U);
    EXPECT_FALSE(inside.requires_grad());
    y.pow(2).sum().backward();
    EXPECT_EQ(calls, 2);
    const torch::Tensor got = w.grad().clone();
    torch::Tensor(w).mutable_grad().reset();
    const torch::Tensor plain_x = numbers.clone().requires_grad_(x_learns);
    work(plain_x).pow(2).sum().backward();
    EXPECT_TRUE(torch::equal(got, w.grad()));
    EXPECT_EQ(x.grad().defined(), x_learns);
    if (x_learns) {
      EXPECT_TRUE(torch::equal(x.grad(), plain_x.grad()));
    }
    EXPECT_FALSE(unused.grad().defined());
    torch::Tensor(w).mutable_grad().reset();
  }
  const torch::NoGradGuard no_gradients;
  EXPECT_FALSE(recomputed(work, torch::randn({1, 5}), {w}).requires_grad());
}

std::vector<torch::Tensor> gradients(const ModelFile& file, PolicyOptions options,
                                     bool recompute_layers) {
  options.recompute_layers = recompute_layers;
  PolicyNetwork network(file.config(), options);
  network.load(file);
  if (options.adapter.rank > 0) {
    const torch::NoGradGuard no_gradients;
    torch::manual_seed(5);
    for (const Parameter& parameter : network.parameters()) {
      torch::Tensor(parameter.value).copy_(0.1 * torch::randn(parameter.value.sizes()));
    }
  }
  const auto tokens = [&](std::int64_t count, std::uint64_t seed) {
    RandomStream random(seed);
    std::vector<std::int32_t> all;
    for (std::int64_t i = 0; i < count; ++i) {
      all.push_back(static_cast<std::int32_t>(random.below(256)));
    }
    return all;
  };
  auto batch = std::make_unique<PackedBatch>();
  const std::int64_t root = batch->add(tokens(60, 1));
  batch->learn(batch->add(tokens(9, 2), root), 0, 9);
  batch->learn(batch->add(tokens(30, 3), root), 0, 30);
  batch->learn(batch->add(tokens(20, 4)), 1, 20);
  const TokenLogprobs got = network.logprobs(*batch, true);
  const torch::Tensor loss = got.logprobs.sum() + 0.3 * got.entropy.sum();
  batch.reset();
  loss.backward();
  std::vector<torch::Tensor> all{loss.detach()};
  for (const Parameter& parameter : network.parameters()) all.push_back(parameter.value.grad());
  return all;
}

TEST(Recomputed, LayersHaveTheSameGradients) {
  for (const Architecture architecture :
       {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3}) {
    for (const bool adapts : {false, true}) {
      for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16}) {
        RandomModelOptions shape;
        shape.architecture = architecture;
        shape.num_layers = 3;
        const auto file = random_model(shape);
        PolicyOptions options;
        options.compute = type;
        if (type == torch::kDouble) options.weights = torch::kDouble;
        if (adapts) options.adapter = {.rank = 2, .matrices = {"attn_qkv", "ffn_down"}};
        SCOPED_TRACE(testing::Message() << to_string(architecture) << adapts << type);
        const auto want = gradients(*file, options, false);
        const auto got = gradients(*file, options, true);
        ASSERT_EQ(got.size(), want.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          EXPECT_TRUE(torch::equal(got[i], want[i])) << i;
          EXPECT_GT(want[i].abs().max().item<double>(), 0) << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace memagent
