// Adapters against the network that they become when they are merged: the same logits, the right
// gradients, and nothing else that is trained or kept.
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/random.h"
#include "format/safetensors.h"
#include "model/local/model_tools.h"
#include "model/local/random_model.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/policy_network.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using test::random_model;
using test::RandomModelOptions;

std::shared_ptr<const ModelFile> small_model(Architecture architecture = Architecture::kQwen3) {
  RandomModelOptions small;
  small.architecture = architecture;
  small.model_dim = 32;
  small.num_heads = 2;
  small.num_kv_heads = 1;
  small.ffn_dim = 32;
  return random_model(small);
}

std::unique_ptr<PolicyNetwork> adapted(const ModelFile& file, const AdapterConfig& adapter,
                                       torch::ScalarType type = torch::kFloat) {
  PolicyOptions options;
  options.weights = type;
  options.compute = type;
  options.adapter = adapter;
  auto network = std::make_unique<PolicyNetwork>(file.config(), options);
  network->load(file);
  network->initialise_adapters(5);
  return network;
}

// As if they had been trained for a while.
void scramble(const PolicyNetwork& network) {
  const torch::NoGradGuard no_gradients;
  torch::manual_seed(3);
  for (const Parameter& parameter : network.parameters()) {
    torch::Tensor value = parameter.value.detach();
    value.copy_(torch::randn(value.sizes(), value.options()) * 0.1);
  }
}

PackedBatch questions_on_a_section(std::int64_t vocab) {
  RandomStream random(2);
  const auto tokens = [&](std::int64_t count) {
    std::vector<std::int32_t> all;
    for (std::int64_t i = 0; i < count; ++i) {
      all.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab))));
    }
    return all;
  };
  PackedBatch batch;
  const std::int64_t root = batch.add(tokens(20));
  batch.learn(batch.add(tokens(6), root), 0, 6);
  batch.learn(batch.add(tokens(3), root), 0, 3);
  return batch;
}

torch::Tensor logits(const PolicyNetwork& network) {
  const torch::NoGradGuard no_gradients;
  return network.logits(questions_on_a_section(network.config().vocab_size));
}

double worst(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Adapter, BeginsAsTheNetworkThatItAdapts) {
  const auto file = small_model();
  PolicyNetwork plain(file->config(), {});
  plain.load(*file);
  const auto network = adapted(*file, {.rank = 4});
  EXPECT_TRUE(torch::equal(logits(*network), logits(plain)));
  // Two for each of four matrices of every layer, and nothing besides.
  EXPECT_EQ(std::ssize(network->parameters()), 8 * file->config().num_layers);
  scramble(*network);
  EXPECT_GT(worst(logits(*network), logits(plain)), 0.01);
}

// To the last bit, in the type that is computed in, with layers computed again or not, and whatever
// has become of the adapters since.
TEST(Adapter, WithoutThemItIsTheNetworkThatTheyAdapt) {
  for (const Architecture architecture :
       {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3}) {
    for (const auto type : {torch::kFloat, torch::kBFloat16}) {
      const auto file = small_model(architecture);
      PolicyOptions options;
      options.compute = type;
      options.recompute_layers = type == torch::kFloat;
      PolicyNetwork plain(file->config(), options);
      plain.load(*file);
      options.adapter = {.rank = 3, .matrices = {"attn_qkv", "ffn_down"}};
      PolicyNetwork network(file->config(), options);
      network.load(*file);
      network.initialise_adapters(5);
      const auto without = network.without_adapters();
      EXPECT_TRUE(without->parameters().empty());
      EXPECT_EQ(without->options().adapter.rank, 0);
      const PackedBatch batch = questions_on_a_section(file->config().vocab_size);
      const auto logprobs = [&](const PolicyNetwork& of) {
        const torch::NoGradGuard no_gradients;
        return of.logprobs(batch, false, 0.7).logprobs;
      };
      EXPECT_TRUE(torch::equal(logprobs(*without), logprobs(plain)));
      scramble(network);
      EXPECT_TRUE(torch::equal(logprobs(*without), logprobs(plain)));
      EXPECT_GT(worst(logprobs(network), logprobs(plain)), 0.01);
      // One that has gone leaves the network as it was.
      const torch::Tensor before = logprobs(network);
      { const auto another = network.without_adapters(); }
      EXPECT_TRUE(torch::equal(logprobs(network), before));
      EXPECT_FALSE(without->logprobs(batch).logprobs.requires_grad());
    }
  }
}

// Both have the same weights in memory: what one draws anew, the other has too.
TEST(Adapter, WithoutThemNothingIsCopied) {
  const auto file = small_model();
  const auto network = adapted(*file, {.rank = 2});
  const auto without = network->without_adapters();
  const torch::Tensor before = logits(*without);
  network->initialise(7);
  EXPECT_GT(worst(logits(*without), before), 0.01);
  EXPECT_TRUE(torch::equal(logits(*without), logits(*network)));  // adapters change nothing yet
}

TEST(Adapter, MergedIntoAFileSaysTheSame) {
  for (const Architecture architecture :
       {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3}) {
    const auto file = small_model(architecture);
    for (const std::vector<std::string>& matrices :
         {adaptable_matrices(), {"attn_qkv"}, {"ffn_down", "attn_output"}}) {
      const auto network = adapted(*file, {.rank = 3, .alpha = 12, .matrices = matrices});
      EXPECT_EQ(std::ssize(network->parameters()),
                2 * std::ssize(matrices) * file->config().num_layers);
      scramble(*network);
      const auto merged = network->model_file(file->tokenizer(), "", "merged");
      EXPECT_EQ(merged->tensors().size(), file->tensors().size());
      PolicyNetwork plain(file->config(), {});
      plain.load(*merged);
      // Apart by roundings of float32; what the adapters change is above a hundred times that.
      EXPECT_LT(worst(logits(*network), logits(plain)), 1e-4);
      // Matrices that were not chosen go through unchanged.
      const std::string kept = matrices.size() == 4 ? "token_embd.weight" : "blk.0.ffn_up.weight";
      const auto& before = file->tensor(kept).data;
      EXPECT_TRUE(std::equal(before.begin(), before.end(), merged->tensor(kept).data.begin()));
    }
  }
}

// In double: every derivative is (f(w + h) - f(w - h)) / 2h, with an error of h^2.
TEST(Adapter, GradientsAreFiniteDifferences) {
  const auto file = small_model();
  const auto network = adapted(*file, {.rank = 3, .alpha = 6}, torch::kDouble);
  scramble(*network);
  const PackedBatch batch = questions_on_a_section(file->config().vocab_size);
  const auto loss = [&] {
    const TokenLogprobs got = network->logprobs(batch, true);
    return got.logprobs.sum() + 0.3 * got.entropy.sum();
  };
  loss().backward();
  const torch::NoGradGuard no_gradients;
  RandomStream random(9);
  double largest = 0;
  for (const Parameter& parameter : network->parameters()) {
    ASSERT_TRUE(parameter.value.grad().defined()) << parameter.name;
    double* data = parameter.value.data_ptr<double>();
    for (int probe = 0; probe < 3; ++probe) {
      const auto i = static_cast<std::int64_t>(
          random.below(static_cast<std::uint64_t>(parameter.value.numel())));
      const double kept = data[i];
      constexpr double kStep = 1e-5;
      data[i] = kept + kStep;
      const double up = loss().item<double>();
      data[i] = kept - kStep;
      const double down = loss().item<double>();
      data[i] = kept;
      const double want = (up - down) / (2 * kStep);
      largest = std::max(largest, std::abs(want));
      EXPECT_NEAR(parameter.value.grad().flatten()[i].item<double>(), want,
                  1e-7 * (1 + std::abs(want)))
          << parameter.name << " element " << i;
    }
  }
  EXPECT_GT(largest, 0.1);
}

// The float path has kernels of its own: the same gradients as the double one, and none for the
// output's frozen matrix.
TEST(Adapter, FusedGradientsAreTheDefinitions) {
  const auto file = small_model();
  std::vector<torch::Tensor> gradients[2];
  for (const bool in_double : {false, true}) {
    const auto network =
        adapted(*file, {.rank = 3, .alpha = 6}, in_double ? torch::kDouble : torch::kFloat);
    scramble(*network);
    const torch::NoGradGuard no_gradients;
    for (const Parameter& parameter : network->parameters()) {
      // The same values in both: those that float32 holds.
      torch::Tensor value = parameter.value.detach();
      value.copy_(torch::linspace(-0.1, 0.1, value.numel(), torch::kFloat).view(value.sizes()));
    }
    {
      const torch::AutoGradMode gradients_on(true);
      network->logprobs(questions_on_a_section(file->config().vocab_size))
          .logprobs.sum()
          .backward();
    }
    for (const Parameter& parameter : network->parameters()) {
      gradients[in_double].push_back(parameter.value.grad().to(torch::kDouble));
    }
  }
  for (std::size_t i = 0; i < gradients[0].size(); ++i) {
    const double size = gradients[1][i].abs().max().item<double>();
    EXPECT_LT(worst(gradients[0][i], gradients[1][i]), 1e-4 * (size + 0.01)) << i;
  }
}

TEST(Adapter, AloneIsTrainedAndKept) {
  const fs::path folder =
      fs::temp_directory_path() / ("memagent-adapter-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto file = small_model();
  const AdapterConfig config{.rank = 2, .matrices = {"attn_qkv"}};
  const auto network = adapted(*file, config);
  Optimizer optimizer(network->parameters(), {.warmup_steps = 0});
  for (int i = 0; i < 3; ++i) {
    network->logprobs(questions_on_a_section(file->config().vocab_size)).logprobs.sum().backward();
    optimizer.step(1, 0);
  }
  write_checkpoint(folder.string(), *network, optimizer, "{}");

  const MappedFile mapped((folder / "checkpoint.safetensors").string());
  for (const SafetensorsEntry& entry : parse_safetensors(mapped.bytes(), "checkpoint").tensors) {
    EXPECT_NE(entry.name.find(".attn_qkv.lora_"), std::string::npos) << entry.name;
  }
  const auto resumed = adapted(*file, config);
  Optimizer resumed_optimizer(resumed->parameters(), {.warmup_steps = 0});
  ASSERT_TRUE(read_checkpoint(folder.string(), *resumed, resumed_optimizer));
  EXPECT_TRUE(torch::equal(logits(*resumed), logits(*network)));
  EXPECT_EQ(resumed_optimizer.steps(), 3);
  PolicyNetwork plain(file->config(), {});
  plain.load(*file);
  EXPECT_GT(worst(logits(*network), logits(plain)), 1e-4);
  // The file is as it was but for what the adapters belong to.
  const auto merged = network->model_file(file->tokenizer(), "", "merged");
  for (const TensorView& tensor : file->tensors()) {
    const auto& now = merged->tensor(tensor.name).data;
    const bool same = std::equal(tensor.data.begin(), tensor.data.end(), now.begin());
    const bool chosen = tensor.name.find("attn_q.w") != std::string::npos ||
                        tensor.name.find("attn_k.w") != std::string::npos ||
                        tensor.name.find("attn_v.w") != std::string::npos;
    EXPECT_EQ(same, !chosen) << tensor.name;
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace memagent
