// What is done otherwise on a CUDA device, against the same on the CPU: the kernels, attention in
// two parts, whole networks, the optimizer, generation. Skipped where there is no device.
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "model/local/generating.h"
#include "model/local/random_model.h"
#include "train/cuda_ops.h"
#include "train/flash_attention.h"
#include "train/fused_ops.h"
#include "train/optimizer.h"
#include "train/packed_attention.h"
#include "train/policy_network.h"
#include "train/selection.h"
#include "train/torch_model.h"

namespace memagent {
namespace {

using test::random_model;
using test::random_tokens;
using test::RandomModelOptions;
using Function = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

const torch::Device kDevice(torch::kCUDA, 0);

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
    torch::manual_seed(1);
  }
};

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor x = a.detach().to(torch::kCPU, torch::kDouble);
  const torch::Tensor y = b.detach().to(torch::kCPU, torch::kDouble);
  return ((x - y).norm() / (y.norm() + 1e-12)).item<double>();
}

// Relative errors in the norm: float32 sums of some hundred terms are within 1e-6, and bfloat16
// rounds a number by 2^-9 of it at most and 0.4 of that on average, a few times on the way.
double tolerance(torch::ScalarType type) { return type == torch::kFloat ? 2e-6 : 8e-3; }

// Results and gradients of `fast` on the device in `type` against `slow` in double on the CPU.
void expect_same(const Function& fast, const Function& slow,
                 const std::vector<torch::Tensor>& numbers, torch::ScalarType type) {
  std::vector<torch::Tensor> inputs;
  std::vector<torch::Tensor> exact;
  for (const torch::Tensor& number : numbers) {
    inputs.push_back(number.to(kDevice, type).detach().requires_grad_());
    exact.push_back(inputs.back().detach().to(torch::kCPU, torch::kDouble).requires_grad_());
  }
  const torch::Tensor y = fast(inputs);
  const torch::Tensor want = slow(exact);
  ASSERT_EQ(y.sizes(), want.sizes());
  EXPECT_LE(distance(y, want), tolerance(type)) << "result";
  const torch::Tensor weights = torch::randn_like(want);
  (y * weights.to(kDevice, type)).sum().backward();
  (want * weights).sum().backward();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!exact[i].grad().defined()) continue;
    EXPECT_LE(distance(inputs[i].grad(), exact[i].grad()), 2 * tolerance(type))
        << "gradient of input " << i;
  }
}

constexpr torch::ScalarType kTypes[] = {torch::kFloat, torch::kBFloat16};

TEST_F(Cuda, RmsNorm) {
  for (const torch::ScalarType type : kTypes) {
    for (const std::int64_t dim : {5, 7, 8, 32, 100, 128, 256, 260, 3584}) {
      for (const std::int64_t rows : {1, 63, 65, 5000}) {
        SCOPED_TRACE(testing::Message() << type << " " << rows << " rows of " << dim);
        expect_same([](const auto& x) { return rms_norm(x[0], x[1], 1e-6); },
                    [](const auto& x) { return composed::rms_norm(x[0], x[1], 1e-6); },
                    {torch::randn({rows, dim}), torch::randn({dim})}, type);
      }
    }
  }
}

TEST_F(Cuda, SwiGlu) {
  for (const torch::ScalarType type : kTypes) {
    for (const std::int64_t dim : {1, 4, 7, 8, 384, 771}) {
      for (const std::int64_t rows : {1, 100, 5000}) {
        SCOPED_TRACE(testing::Message() << type << " " << rows << " rows of " << dim);
        expect_same([](const auto& x) { return swiglu(x[0]); },
                    [](const auto& x) { return composed::swiglu(x[0]); },
                    {3 * torch::randn({rows, 2 * dim})}, type);
      }
    }
  }
}

TEST_F(Cuda, SplitHeads) {
  for (const torch::ScalarType type : kTypes) {
    for (const std::int64_t dim : {16, 32, 64, 128, 96}) {
      for (const bool adjacent : {false, true}) {
        for (const bool normed : {false, true}) {
          for (const std::int64_t tokens : {1, 5, 700}) {
            SCOPED_TRACE(testing::Message()
                         << type << " " << tokens << " tokens, heads of " << dim
                         << (adjacent ? " adjacent" : "") << (normed ? " normed" : ""));
            const HeadsOptions options{
                .heads = 6, .kv_heads = 2, .head_dim = dim, .adjacent = adjacent, .epsilon = 1e-6};
            const torch::Tensor angles = torch::randn({tokens, dim / 2});
            const Function split = [&](const std::vector<torch::Tensor>& x) {
              const auto like = x[0].options();
              const Heads heads = split_heads(
                  x[0], normed ? x[1] : torch::Tensor(), normed ? x[2] : torch::Tensor(),
                  angles.cos().to(like), angles.sin().to(like), options);
              return torch::cat({heads.q, heads.k, heads.v}, 1);
            };
            expect_same(
                split, split,
                {torch::randn({tokens, 10 * dim}), torch::randn({dim}), torch::randn({dim})}, type);
          }
        }
      }
    }
  }
}

struct Shape {
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
};

// In the order of the batch: out[t] of token t.
torch::Tensor flash(const std::vector<torch::Tensor>& x, const std::vector<Segment>& segments) {
  const FlashPlan plan(segments, kDevice);
  const auto order = torch::tensor(plan.order()).to(kDevice);
  const auto places = torch::tensor(plan.places()).to(kDevice);
  return plan
      .attention(x[0].index_select(0, order), x[1].index_select(0, order),
                 x[2].index_select(0, order))
      .index_select(0, places);
}

// Segments without children, parents, children by their parents; needs no device.
TEST(FlashPlanTest, PutsRunsTogether) {
  const std::vector<Segment> segments = {{0, 2, -1}, {2, 5, -1}, {5, 6, 1},
                                         {6, 8, 1},  {8, 9, -1}, {9, 10, 4}};
  const FlashPlan plan(segments, torch::kCPU);
  EXPECT_EQ(plan.order(), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 8, 5, 6, 7, 9}));
  EXPECT_EQ(plan.places(), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 6, 7, 8, 5, 9}));
}

TEST_F(Cuda, FlashAttentionOfSharedSegments) {
  // Or networks would go without it in silence.
  EXPECT_TRUE(takes_flash(kDevice, torch::kBFloat16, 64));
  const std::vector<std::vector<Segment>> batches = {
      {{0, 2, -1}},
      {{0, 300, -1}, {300, 301, -1}},
      {{0, 7, -1}, {7, 9, 0}, {9, 150, 0}, {150, 151, 0}},
      {{0, 5, -1},
       {5, 205, -1},
       {205, 240, 1},
       {240, 370, 1},
       {370, 400, -1},
       {400, 600, -1},
       {600, 601, 5},
       {601, 740, 5}},
  };
  for (const std::vector<Segment>& segments : batches) {
    for (const Shape& shape : {Shape{4, 4, 32}, Shape{8, 2, 64}, Shape{4, 1, 128}}) {
      const std::int64_t tokens = segments.back().end;
      SCOPED_TRACE(testing::Message() << tokens << " tokens, heads of " << shape.head_dim);
      expect_same([&](const auto& x) { return flash(x, segments); },
                  [&](const auto& x) { return composed_attention(x[0], x[1], x[2], segments); },
                  {torch::randn({tokens, shape.heads, shape.head_dim}),
                   torch::randn({tokens, shape.kv_heads, shape.head_dim}),
                   torch::randn({tokens, shape.kv_heads, shape.head_dim})},
                  torch::kBFloat16);
    }
  }
}

PackedBatch shared_batch(std::int64_t vocab) {
  PackedBatch batch;
  std::uint64_t seed = 0;
  const auto tokens = [&](std::size_t count) {
    std::vector<std::int32_t> ids;
    for (const TokenId id : random_tokens(count, ++seed)) {
      ids.push_back(static_cast<std::int32_t>(id % vocab));
    }
    return ids;
  };
  for (int section = 0; section < 3; ++section) {
    const std::int64_t root = batch.add(tokens(120));
    for (int reply = 0; reply < 4; ++reply) batch.learn(batch.add(tokens(30), root), 0, 30);
  }
  const std::int64_t alone = batch.add(tokens(80));
  batch.learn(alone, 1, 80);
  return batch;
}

class CudaFamilies : public testing::TestWithParam<Architecture> {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  }
  std::shared_ptr<const ModelFile> file() const {
    RandomModelOptions options;
    options.architecture = GetParam();
    return random_model(options);
  }
};

// Weights of half the size, so that scores of attention stay near 1: a softmax magnifies what
// bfloat16 rounds off its scores (machine_test.cc).
std::unique_ptr<PolicyNetwork> network_of(const ModelFile& model, const PolicyOptions& options) {
  auto network = std::make_unique<PolicyNetwork>(model.config(), options);
  network->load(model);
  const torch::NoGradGuard no_gradients;
  for (const Parameter& parameter : network->parameters()) {
    if (parameter.value.dim() == 2) torch::Tensor(parameter.value).mul_(0.5);
  }
  return network;
}

std::vector<torch::Tensor> gradients_of(PolicyNetwork& network, const PackedBatch& batch,
                                        torch::Tensor& logprobs) {
  logprobs = network.logprobs(batch).logprobs;
  logprobs.sum().backward();
  std::vector<torch::Tensor> gradients;
  for (const Parameter& parameter : network.parameters()) {
    gradients.push_back(parameter.value.grad().to(torch::kCPU));
  }
  return gradients;
}

// In float32 as on the CPU but for the order of sums. In bfloat16, whose numbers have 8 bits, the
// gradient of all weights together still points the same way.
TEST_P(CudaFamilies, SameNetworkAsOnTheCpu) {
  const auto model = file();
  const PackedBatch batch = shared_batch(model->config().vocab_size);
  const auto here = network_of(*model, {});
  torch::Tensor want;
  const std::vector<torch::Tensor> exact = gradients_of(*here, batch, want);
  for (const torch::ScalarType type : kTypes) {
    for (const bool recompute : {false, true}) {
      SCOPED_TRACE(testing::Message() << type << (recompute ? " recomputed" : ""));
      PolicyOptions options;
      options.device = kDevice;
      options.compute = type;
      options.recompute_layers = recompute;
      const auto there = network_of(*model, options);
      torch::Tensor got;
      const std::vector<torch::Tensor> gradients = gradients_of(*there, batch, got);
      const double worst =
          (got.detach().to(torch::kCPU, torch::kFloat) - want.detach()).abs().max().item<double>();
      EXPECT_LT(worst, type == torch::kFloat ? 1e-4 : 0.1);
      std::vector<torch::Tensor> flat;
      std::vector<torch::Tensor> flat_exact;
      for (std::size_t i = 0; i < exact.size(); ++i) {
        flat.push_back(gradients[i].flatten());
        flat_exact.push_back(exact[i].flatten());
        if (type == torch::kFloat) {
          EXPECT_LT(distance(gradients[i], exact[i]), 1e-4) << here->parameters()[i].name;
        }
      }
      EXPECT_LT(distance(torch::cat(flat), torch::cat(flat_exact)),
                type == torch::kFloat ? 1e-5 : 0.05);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CudaFamilies,
                         testing::Values(Architecture::kLlama, Architecture::kQwen2,
                                         Architecture::kQwen3));

TEST_F(Cuda, OptimizerStepsAsOnTheCpu) {
  OptimizerConfig config;
  config.learning_rate = 0.01;
  config.warmup_steps = 2;
  config.weight_decay = 0.1;
  config.average = 0.9;
  config.clip_norm = 0.5;
  const torch::Tensor first = torch::randn({300, 77});
  std::vector<torch::Tensor> ends;
  std::vector<torch::Tensor> averages;
  std::vector<double> norms;
  std::vector<torch::Tensor> gradients;
  for (int i = 0; i < 5; ++i) gradients.push_back(torch::randn({300, 77}));
  for (const torch::Device device : {torch::Device(torch::kCPU), kDevice}) {
    torch::Tensor value = first.to(device).clone();
    value.requires_grad_();
    Optimizer optimizer({{"weight", value, true}}, config);
    for (const torch::Tensor& gradient : gradients) {
      value.mutable_grad() = gradient.to(device) * 7;
      norms.push_back(optimizer.step(7, 0.3).gradient_norm);
    }
    ends.push_back(value.detach().to(torch::kCPU).clone());
    optimizer.swap_average();
    averages.push_back(value.detach().to(torch::kCPU).clone());
  }
  EXPECT_LT(distance(ends[1], ends[0]), 1e-6);
  EXPECT_LT(distance(averages[1], averages[0]), 1e-6);
  EXPECT_GT(distance(averages[0], ends[0]), 1e-4);
  EXPECT_NEAR(norms[5], norms[0], 1e-5 * norms[0]);
}

// Greedily, the same tokens as on the CPU; and what was drawn has the probability that the network
// says of it.
TEST_F(Cuda, GeneratesAsOnTheCpu) {
  RandomModelOptions random;
  random.architecture = Architecture::kQwen3;
  const auto model = random_model(random);
  std::vector<std::vector<TokenId>> said;
  for (const torch::Device device : {torch::Device(torch::kCPU), kDevice}) {
    PolicyOptions options;
    options.device = device;
    const auto network = network_of(*model, options);
    TorchModel generator(network->generator(), model->tokenizer(), "", "test", {});
    std::vector<RequestId> ids;
    for (std::size_t i = 0; i < 20; ++i) {
      GenerationRequest request;
      request.prompt.tokens = random_tokens(5 + 7 * i, i);
      request.max_tokens = 16;
      ids.push_back(generator.submit(request));
    }
    std::map<RequestId, GenerationResult> results;
    std::vector<GenerationResult> some;
    while (results.size() < ids.size()) {
      some.clear();
      generator.wait(some, std::chrono::milliseconds(60'000));
      for (GenerationResult& result : some) results[result.id] = std::move(result);
    }
    said.emplace_back();
    for (const RequestId id : ids) {
      const std::vector<TokenId>& tokens = results[id].tokens;
      said.back().insert(said.back().end(), tokens.begin(), tokens.end());
    }
  }
  EXPECT_GT(said[0].size(), 20U);
  EXPECT_EQ(said[0], said[1]);
}

}  // namespace
}  // namespace memagent
