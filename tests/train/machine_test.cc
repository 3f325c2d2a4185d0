// Types and devices: what bfloat16 costs on the CPU, and what is said of a device that is not
// there.
#include "train/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "memagent/error.h"
#include "model/local/random_model.h"
#include "train/torch_model.h"

namespace memagent {
namespace {

using test::random_model;
using test::RandomModelOptions;

TEST(Machine, DevicesHaveNames) {
  for (const char* name : {"cpu", "cuda", "cuda:0", "cuda:17"}) EXPECT_TRUE(is_device_name(name));
  for (const char* name : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:12345", "cpu:0"}) {
    EXPECT_FALSE(is_device_name(name)) << name;
  }
}

TEST(Machine, ADeviceThatIsNotThereIsRefusedInOneLine) {
  EXPECT_TRUE(policy_options({}).device.is_cpu());
  EXPECT_EQ(policy_options({.compute = ComputeType::kBFloat16}).compute, torch::kBFloat16);
  EXPECT_TRUE(policy_options({.recompute_layers = true}).recompute_layers);
  EXPECT_EQ(policy_options({}, {.rank = 3}).adapter.rank, 3);
  if (torch::cuda::is_available()) GTEST_SKIP() << "a CUDA device is there";
  for (const char* device : {"cuda", "cuda:1"}) {
    try {
      policy_options({.device = device});
      FAIL() << device;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), testing::HasSubstr("finds no CUDA device: set device = \"cpu\""));
    }
  }
}

constexpr double kEpsilon = 1.0 / 256;  // of bfloat16: 8 bits
constexpr int kLayers = 2;
// Results that are rounded between a token and its logits: ten a layer (two norms, their weights,
// four products, angles, attention, gate, two sums), and four at both ends.
constexpr int kRoundings = 10 * kLayers + 4;

PackedBatch some_batch() {
  PackedBatch batch;
  RandomStream random(3);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 120; ++i) tokens.push_back(static_cast<std::int32_t>(random.below(256)));
  const std::int64_t root = batch.add(std::span(tokens).first(60));
  batch.learn(root, 1, 60);
  batch.learn(batch.add(std::span(tokens).subspan(60, 30), root), 0, 30);
  batch.learn(batch.add(std::span(tokens).subspan(90, 30), root), 0, 30);
  return batch;
}

class Precision : public testing::TestWithParam<Architecture> {};

// Each rounding is off by half an epsilon of what is rounded at most, in either direction: R of
// them make about sqrt(R) half epsilons of a logit, and a row's
// log-probability is off by at most twice that of its logits. Weights are halved, so that scores of
// attention stay near 1 in all families: a softmax magnifies errors by its scores. Gradients are
// products of as many factors once more, and all of them together are within R epsilons of their
// norm.
TEST_P(Precision, BFloat16IsNearFloat32) {
  RandomModelOptions shape;
  shape.architecture = GetParam();
  shape.num_layers = kLayers;
  const auto file = random_model(shape);
  torch::Tensor logprobs[2];
  std::vector<torch::Tensor> gradients[2];
  double largest_logit = 0;
  for (const bool narrow : {false, true}) {
    PolicyOptions options;
    if (narrow) options.compute = torch::kBFloat16;
    PolicyNetwork network(file->config(), options);
    network.load(*file);
    for (const Parameter& parameter : network.parameters()) {
      const torch::NoGradGuard no_gradients;
      if (parameter.value.dim() == 2) torch::Tensor(parameter.value).mul_(0.5);
    }
    const PackedBatch batch = some_batch();
    if (!narrow) {
      const torch::NoGradGuard no_gradients;
      largest_logit = network.logits(batch).abs().max().item<double>();
    }
    logprobs[narrow] = network.logprobs(batch).logprobs;
    EXPECT_EQ(logprobs[narrow].scalar_type(), torch::kFloat);
    logprobs[narrow].mean().backward();
    for (const Parameter& parameter : network.parameters()) {
      ASSERT_TRUE(parameter.value.grad().defined()) << parameter.name;
      EXPECT_EQ(parameter.value.grad().scalar_type(), torch::kFloat);
      gradients[narrow].push_back(parameter.value.grad().flatten());
    }
  }
  const torch::Tensor off = (logprobs[1] - logprobs[0]).detach();
  const double worst = off.abs().max().item<double>();
  const double mean = std::abs(off.mean().item<double>());
  const torch::Tensor want = torch::cat(gradients[0]);
  const double gradient = ((torch::cat(gradients[1]) - want).norm() / want.norm()).item<double>();
  RecordProperty("largest_logit", std::to_string(largest_logit));
  RecordProperty("worst", std::to_string(worst));
  RecordProperty("mean", std::to_string(mean));
  RecordProperty("gradient", std::to_string(gradient));
  const double of_a_row = std::sqrt(kRoundings) * kEpsilon * largest_logit;
  EXPECT_LT(worst, 2 * of_a_row);
  // 119 rows, whose errors are not all of one sign.
  EXPECT_LT(mean, of_a_row / 2);
  EXPECT_LT(gradient, kRoundings * kEpsilon);
  EXPECT_GT(worst, 0);
}

// Generation in bfloat16: cached keys are of that type, too, and what is drawn has the
// log-probability that the network gives it at once.
TEST_P(Precision, GeneratesInBFloat16) {
  RandomModelOptions shape;
  shape.architecture = GetParam();
  const auto file = random_model(shape);
  PolicyOptions options;
  options.compute = torch::kBFloat16;
  PolicyNetwork network(file->config(), options);
  network.load(*file);
  TorchModel model(network.generator(), file->tokenizer(), "", "narrow", {});
  RandomStream random(5);
  std::vector<TokenId> prefix;
  for (int i = 0; i < 50; ++i) prefix.push_back(static_cast<TokenId>(random.below(256)));
  std::vector<std::vector<TokenId>> prompts;
  for (int i = 0; i < 3; ++i) {
    prompts.push_back(prefix);
    for (int j = 0; j < 5 + i; ++j) {
      prompts.back().push_back(static_cast<TokenId>(random.below(256)));
    }
    GenerationRequest request;
    request.prompt.tokens = prompts.back();
    request.max_tokens = 10;
    request.sampling = {.temperature = 1.0F, .seed = static_cast<std::uint64_t>(i)};
    request.shared_prefix_tokens = 50;
    request.logprobs = true;
    model.submit(request);
  }
  std::vector<GenerationResult> results;
  while (results.size() < 3) model.wait(results, std::chrono::milliseconds(600'000));
  for (const GenerationResult& result : results) {
    std::vector<TokenId> all = prompts[result.id - 1];
    const std::int64_t begin = std::ssize(all);
    all.insert(all.end(), result.tokens.begin(), result.tokens.end());
    if (result.end_token >= 0) all.push_back(result.end_token);
    PackedBatch batch;
    batch.add(all);
    batch.learn(0, begin, std::ssize(all));
    const torch::NoGradGuard no_gradients;
    const double largest = network.logits(batch).abs().max().to(torch::kFloat).item<double>();
    const torch::Tensor at_once = network.logprobs(batch).logprobs;
    for (std::size_t i = 0; i < result.logprobs.size(); ++i) {
      EXPECT_NEAR(result.logprobs[i], at_once[static_cast<std::int64_t>(i)].item<double>(),
                  2 * std::sqrt(kRoundings) * kEpsilon * largest);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Precision,
                         testing::Values(Architecture::kLlama, Architecture::kQwen2,
                                         Architecture::kQwen3),
                         [](const auto& named) { return std::string(to_string(named.param)); });

}  // namespace
}  // namespace memagent
