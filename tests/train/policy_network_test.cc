// The trained network against the engine's definition, and batches cut and shared in every way
// against one conversation at a time.
#include "train/policy_network.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <numeric>
#include <vector>

#include "base/random.h"
#include "memagent/error.h"
#include "model/local/random_model.h"
#include "train/packed_attention.h"

namespace memagent {
namespace {

using test::random_model;
using test::RandomModelOptions;

std::vector<std::int32_t> random_tokens(std::int64_t count, std::int64_t vocab,
                                        std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab))));
  }
  return tokens;
}

class Families : public testing::TestWithParam<Architecture> {
 protected:
  std::shared_ptr<const ModelFile> model(bool tied = true) const {
    RandomModelOptions options;
    options.architecture = GetParam();
    options.tied_output = tied;
    return random_model(options);
  }
};

TEST_P(Families, SameLogProbabilitiesAsTheDefinition) {
  for (const bool tied : {true, false}) {
    const auto file = model(tied);
    PolicyNetwork network(file->config(), {});
    network.load(*file);
    const auto tokens = random_tokens(100, file->config().vocab_size, 1);
    PackedBatch batch;
    batch.add(tokens);
    batch.learn(0, 1, 100);
    const torch::NoGradGuard no_gradients;
    const torch::Tensor logprobs = torch::log_softmax(network.logits(batch), 1);
    const auto want = test::reference_logprobs(*file, tokens, test::CacheType::kExact);
    double worst = 0;
    for (std::int64_t row = 0; row < 99; ++row) {
      for (std::int64_t v = 0; v < file->config().vocab_size; ++v) {
        worst = std::max(
            worst, std::abs(logprobs[row][v].item<double>() -
                            want[static_cast<std::size_t>(row)][static_cast<std::size_t>(v)]));
      }
    }
    RecordProperty("worst", std::to_string(worst));
    EXPECT_LT(worst, 1e-4) << "tied " << tied;
    const torch::Tensor chosen = network.logprobs(batch).logprobs;
    for (std::int64_t row = 0; row < 99; ++row) {
      EXPECT_NEAR(chosen[row].item<double>(),
                  logprobs[row][batch.targets[static_cast<std::size_t>(row)]].item<double>(), 1e-5);
    }
  }
}

TEST_P(Families, WeightsGoInAndOutUnchanged) {
  const auto file = model();
  PolicyNetwork network(file->config(), {});
  network.load(*file);
  const auto copy = network.model_file(file->tokenizer(), "template", "copy");
  ASSERT_EQ(copy->tensors().size(), file->tensors().size());
  for (const TensorView& tensor : file->tensors()) {
    const TensorView& got = copy->tensor(tensor.name);
    ASSERT_EQ(got.shape, tensor.shape) << tensor.name;
    EXPECT_TRUE(std::equal(got.data.begin(), got.data.end(), tensor.data.begin())) << tensor.name;
  }
}

// One sequence, learnt but for its first token.
PackedBatch forty_tokens(const ModelFile& file) {
  PackedBatch batch;
  batch.add(random_tokens(40, file.config().vocab_size, 3));
  batch.learn(0, 1, 40);
  return batch;
}

// What the network makes of every token, those of the batch that are not learnt included.
torch::Tensor hidden_of_all(const PolicyNetwork& network, const PackedBatch& batch) {
  std::vector<std::int64_t> all(batch.tokens.size());
  std::iota(all.begin(), all.end(), 0);
  const torch::NoGradGuard no_gradients;
  return network.hidden(
      batch.tokens, batch.positions,
      [&](std::int64_t, const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
        return packed_attention(q, k, v, batch.segments);
      },
      all);
}

// Layers put in between change nothing, but their output matrices have gradients.
TEST_P(Families, MoreLayersStartAsTheModelIs) {
  const auto file = model();
  const PackedBatch batch = forty_tokens(*file);
  PolicyNetwork network(file->config(), {});
  network.load(*file);
  const torch::Tensor want = hidden_of_all(network, batch);
  for (const std::int32_t more : {1, file->config().num_layers}) {
    ModelConfig config = file->config();
    config.num_layers += more;
    PolicyNetwork deeper(config, {});
    deeper.load(*file);
    EXPECT_TRUE(torch::equal(hidden_of_all(deeper, batch), want)) << more;
    deeper.logprobs(batch).logprobs.sum().backward();
    int reached = 0;
    for (const Parameter& parameter : deeper.parameters()) {
      const torch::Tensor gradient = torch::Tensor(parameter.value).grad();
      const bool is_zero = parameter.value.abs().max().item<float>() == 0;
      if (is_zero && gradient.defined() && gradient.abs().max().item<float>() > 0) ++reached;
    }
    EXPECT_EQ(reached, 2 * more);
  }
  ModelConfig config = file->config();
  config.num_layers = 2 * config.num_layers + 1;
  EXPECT_THROW(PolicyNetwork(config, {}).load(*file), Error);
}

// Twice and three times as wide it says the same, and its copies learn different things.
TEST_P(Families, AWiderNetworkStartsAsTheModelIs) {
  const auto file = model();
  const PackedBatch batch = forty_tokens(*file);
  PolicyNetwork network(file->config(), {});
  network.load(*file);
  const torch::Tensor want = network.logprobs(batch).logprobs;
  for (const std::int32_t times : {2, 3}) {
    ModelConfig config = file->config();
    config.num_layers += 1;
    config.model_dim *= times;
    config.num_heads *= times;
    config.num_kv_heads *= times;
    config.ffn_dim *= times;
    PolicyNetwork wider(config, {});
    wider.load(*file);
    const torch::Tensor got = wider.logprobs(batch).logprobs;
    EXPECT_LT((got - want).abs().max().item<float>(), 1e-4) << times;
    got.sum().backward();
    for (const Parameter& parameter : wider.parameters()) {
      if (parameter.name.find("attn_output.weight") == std::string::npos) continue;
      if (parameter.value.abs().max().item<float>() == 0) continue;  // of the added layer
      const torch::Tensor gradient = torch::Tensor(parameter.value).grad();
      const std::int64_t rows = file->config().model_dim;
      const torch::Tensor first = gradient.slice(0, 0, rows);
      const torch::Tensor second = gradient.slice(0, rows, 2 * rows);
      EXPECT_GT((first - second).abs().max().item<float>(), 0) << parameter.name;
    }
    config.num_heads = file->config().num_heads;
    config.num_kv_heads = file->config().num_kv_heads;
    EXPECT_THROW(PolicyNetwork(config, {}).load(*file), Error);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Families,
                         testing::Values(Architecture::kLlama, Architecture::kQwen2,
                                         Architecture::kQwen3),
                         [](const auto& named) { return std::string(to_string(named.param)); });

std::vector<double> gradient_of(PolicyNetwork& network, const torch::Tensor& loss) {
  for (const Parameter& parameter : network.parameters()) {
    torch::Tensor value = parameter.value;
    if (value.grad().defined()) value.mutable_grad().reset();
  }
  loss.backward();
  std::vector<double> all;
  for (const Parameter& parameter : network.parameters()) {
    const torch::Tensor flat = parameter.value.grad().to(torch::kDouble).flatten();
    const double* data = flat.data_ptr<double>();
    all.insert(all.end(), data, data + flat.numel());
  }
  return all;
}

void expect_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  double largest = 0;
  for (const double x : a) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i], b[i], tolerance * largest) << "element " << i;
  }
}

TEST(PolicyNetwork, PackedAndSharedEqualsOneByOne) {
  const auto file = random_model({});
  PolicyNetwork network(file->config(), {});
  network.load(*file);
  const std::int64_t vocab = file->config().vocab_size;
  const auto section = random_tokens(70, vocab, 1);
  const std::vector<std::vector<std::int32_t>> questions = {
      random_tokens(9, vocab, 2), random_tokens(1, vocab, 3), random_tokens(30, vocab, 4)};

  PackedBatch shared;
  shared.add(random_tokens(5, vocab, 5));  // a stranger
  const std::int64_t root = shared.add(section);
  for (const auto& question : questions) {
    const std::int64_t index = shared.add(question, root);
    shared.learn(index, 0, static_cast<std::int64_t>(question.size()));
  }
  const torch::Tensor together = network.logprobs(shared).logprobs;
  const auto shared_gradient = gradient_of(network, together.sum());

  std::vector<torch::Tensor> alone;
  for (const auto& question : questions) {
    std::vector<std::int32_t> whole = section;
    whole.insert(whole.end(), question.begin(), question.end());
    PackedBatch batch;
    batch.add(whole);
    batch.learn(0, 70, static_cast<std::int64_t>(whole.size()));
    alone.push_back(network.logprobs(batch).logprobs);
  }
  const torch::Tensor apart = torch::cat(alone);
  EXPECT_LT((together - apart).abs().max().item<double>(), 2e-5);
  expect_close(gradient_of(network, apart.sum()), shared_gradient, 1e-4);
}

// In double: every parameter's derivative is (f(w + h) - f(w - h)) / 2h, with an error of h^2.
TEST(PolicyNetwork, GradientsAreFiniteDifferences) {
  for (const Architecture architecture :
       {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3}) {
    RandomModelOptions small;
    small.architecture = architecture;
    small.model_dim = 32;
    small.num_heads = 2;
    small.num_kv_heads = 1;
    small.ffn_dim = 32;
    const auto file = random_model(small);
    PolicyOptions options;
    options.weights = torch::kDouble;
    options.compute = torch::kDouble;
    PolicyNetwork network(file->config(), options);
    network.load(*file);
    PackedBatch batch;
    const std::int64_t vocab = file->config().vocab_size;
    const std::int64_t root = batch.add(random_tokens(6, vocab, 1));
    batch.learn(batch.add(random_tokens(4, vocab, 2), root), 0, 4);
    batch.learn(batch.add(random_tokens(3, vocab, 3), root), 0, 3);
    const auto loss = [&] {
      const TokenLogprobs got = network.logprobs(batch, true);
      return got.logprobs.sum() + 0.3 * got.entropy.sum();
    };
    gradient_of(network, loss());
    const torch::NoGradGuard no_gradients;
    RandomStream random(9);
    for (const Parameter& parameter : network.parameters()) {
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
        EXPECT_NEAR(parameter.value.grad().flatten()[i].item<double>(), want,
                    1e-7 * (1 + std::abs(want)))
            << parameter.name << " element " << i;
      }
    }
  }
}

TEST(PolicyNetwork, WeightsOfAnotherShapeAreRefused) {
  RandomModelOptions wide;
  wide.ffn_dim = 128;
  PolicyNetwork network(random_model({})->config(), {});
  EXPECT_THROW(network.load(*random_model(wide)), Error);
}

TEST(PolicyNetwork, StartsTheSameForTheSameSeed) {
  const ModelConfig config = random_model({})->config();
  PolicyNetwork a(config, {});
  PolicyNetwork b(config, {});
  a.initialise(7);
  b.initialise(7);
  const torch::Tensor x = a.parameters()[0].value;
  EXPECT_TRUE(torch::equal(x, b.parameters()[0].value));
  EXPECT_NEAR(x.std().item<double>(), 0.02, 0.001);
  b.initialise(8);
  EXPECT_FALSE(torch::equal(x, b.parameters()[0].value));
}

}  // namespace
}  // namespace memagent
