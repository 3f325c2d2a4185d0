// Models with random weights that behave like models: activations of order one through all layers,
// attention that prefers some tokens to others, logits spread widely enough that the best token is
// rarely a matter of rounding.
//
// Matrices are drawn with standard deviation 1/sqrt(columns), so that a normalised input gives
// outputs of order one; for 896 columns that is 0.03. Embeddings have 0.02, far below what the
// layers add, because a tied output matrix would otherwise repeat the last token for ever. Queries
// are twice as large for sharper attention. The final norm's weights are chosen so that logits have
// a standard deviation near kLogitSpread.
#include "model/local/model_init.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "base/fail.h"
#include "base/hash.h"
#include "base/random.h"
#include "format/quant.h"
#include "model/local/gguf_model_writer.h"
#include "model/local/model_init_vocabulary.h"
#include "model/local/model_tools.h"

namespace memagent {
namespace {

constexpr float kEmbeddingSpread = 0.02F;
constexpr float kLogitSpread = 4.0F;
constexpr float kBiasSpread = 0.3F;

// Nearly normal with mean 0 and variance 1: the sum of four uniform draws (Irwin-Hall), which stays
// within 3.5 and, unlike logarithms and cosines, is the same on every machine.
float nearly_normal(RandomStream& random) {
  const std::uint64_t bits = random.next();
  std::int64_t sum = 0;
  for (int i = 0; i < 4; ++i) sum += static_cast<std::int64_t>((bits >> (16 * i)) & 0xFFFF);
  constexpr double kMean = 4 * 65535 / 2.0;
  constexpr double kPerSigma = 1.0 / 37837.2;  // sqrt(4 * (65536^2 - 1) / 12)
  return static_cast<float>((static_cast<double>(sum) - kMean) * kPerSigma);
}

bool ends_with(const std::string& name, const char* end) { return name.ends_with(end); }

float matrix_spread(const TensorSpec& tensor) {
  const float natural = 1.0F / std::sqrt(static_cast<float>(tensor.shape.back()));
  if (tensor.name == "token_embd.weight" || tensor.name == "output.weight") {
    return kEmbeddingSpread;
  }
  return ends_with(tensor.name, "attn_q.weight") ? 2 * natural : natural;
}

// Norm weights lie within a fifth of their middle, so that leaving one out shows.
float norm_middle(const ModelConfig& config, const std::string& name) {
  if (name == "output_norm.weight") {
    return kLogitSpread / (kEmbeddingSpread * std::sqrt(static_cast<float>(config.model_dim)));
  }
  return ends_with(name, "attn_q_norm.weight") ? 2.0F : 1.0F;
}

ModelConfig shape(Architecture architecture, std::int32_t layers, std::int32_t dim,
                  std::int32_t heads, std::int32_t kv_heads, std::int32_t head_dim,
                  std::int32_t ffn, std::int32_t vocab, bool tied) {
  ModelConfig config;
  config.architecture = architecture;
  config.num_layers = layers;
  config.model_dim = dim;
  config.num_heads = heads;
  config.num_kv_heads = kv_heads;
  config.head_dim = head_dim;
  config.ffn_dim = ffn;
  config.vocab_size = vocab;
  config.tied_output = tied;
  config.context_tokens = 32768;
  const bool llama = architecture == Architecture::kLlama;
  config.rms_epsilon = llama ? 1e-5F : 1e-6F;
  config.rope_theta = llama ? 500000.0F : 1000000.0F;
  config.rotary_pairs = llama ? RotaryPairs::kAdjacent : RotaryPairs::kHalves;
  config.qkv_bias = architecture == Architecture::kQwen2;
  config.query_key_norm = architecture == Architecture::kQwen3;
  return config;
}

}  // namespace

const std::vector<NamedShape>& named_shapes() {
  using enum Architecture;
  static const std::vector<NamedShape> shapes{
      {"nano", "Qwen3, 6 layers of width 256, a vocabulary of 4,096 tokens",
       shape(kQwen3, 6, 256, 4, 2, 64, 768, 4096, true)},
      {"qwen3-6x256", "Qwen3, 6 layers of width 256, Qwen's 151,936 tokens",
       shape(kQwen3, 6, 256, 4, 2, 64, 768, 151936, true)},
      {"qwen2-0.5b", "the shape of Qwen2 0.5B",
       shape(kQwen2, 24, 896, 14, 2, 64, 4864, 151936, true)},
      {"qwen2.5-7b", "the shape of Qwen2.5 7B",
       shape(kQwen2, 28, 3584, 28, 4, 128, 18944, 152064, false)},
      {"llama-tiny", "Llama, 2 layers of width 256, for tests",
       shape(kLlama, 2, 256, 4, 2, 64, 512, 512, false)},
      {"qwen2-tiny", "Qwen2, 2 layers of width 256, for tests",
       shape(kQwen2, 2, 256, 4, 1, 64, 512, 512, true)},
      {"qwen3-tiny", "Qwen3, 2 layers of width 256, heads wider than their share, for tests",
       shape(kQwen3, 2, 256, 4, 2, 128, 512, 512, true)}};
  return shapes;
}

const NamedShape& named_shape(const std::string& name) {
  std::string known;
  for (const NamedShape& candidate : named_shapes()) {
    if (candidate.name == name) return candidate;
    known += (known.empty() ? "" : ", ") + candidate.name;
  }
  fail(ErrorKind::kUsage, "there is no model shape '{}'; choose one of {}", name, known);
}

void random_row(const ModelConfig& config, const TensorSpec& tensor, std::uint64_t seed,
                std::int64_t row, std::span<float> out) {
  Hash64 name;
  name.update(tensor.name);
  RandomStream random(derive(derive(seed, name.value()), static_cast<std::uint64_t>(row)));
  if (tensor.shape.size() == 1 && ends_with(tensor.name, ".weight")) {
    const auto middle = static_cast<double>(norm_middle(config, tensor.name));
    for (float& x : out) x = static_cast<float>(middle * (0.8 + 0.4 * random.uniform()));
    return;
  }
  const float spread = tensor.shape.size() == 1 ? kBiasSpread : matrix_spread(tensor);
  for (float& x : out) x = spread * nearly_normal(random);
}

void init_model(const ModelConfig& given, const InitOptions& options, const std::string& path) {
  ModelConfig config = given;
  config.rotary_pairs =
      config.architecture == Architecture::kLlama ? RotaryPairs::kAdjacent : RotaryPairs::kHalves;
  config.qkv_bias = config.qkv_bias || config.architecture == Architecture::kQwen2;
  config.query_key_norm = config.architecture == Architecture::kQwen3;
  try {
    check_config(config, "model init");
  } catch (const Error& error) {  // the numbers came from flags, not from a file
    throw Error(ErrorKind::kUsage, error.what());
  }
  const Vocabulary vocabulary = generate_vocabulary(config.vocab_size);
  const std::vector<TensorSpec> tensors = model_tensors(config);
  std::vector<TensorType> types;
  for (const TensorSpec& tensor : tensors) {
    const bool matrix = tensor.shape.size() == 2;
    types.push_back(matrix ? options.type : TensorType::kF32);
    if (tensor_bytes(types.back(), tensor.shape) < 0) {
      fail(ErrorKind::kUsage, "tensor '{}' with rows of {} cannot be {}: its blocks have {}",
           tensor.name, tensor.shape.back(), to_string(options.type),
           block_size(options.type).elements);
    }
  }
  GgufWriter writer(path);
  begin_gguf_model({config, options.name, &vocabulary, kChatMlTemplate, options.type, {}}, types,
                   writer);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::int64_t rows = tensors[i].shape.size() == 2 ? tensors[i].shape[0] : 1;
    const std::int64_t columns = tensors[i].shape.back();
    std::vector<float> values(static_cast<std::size_t>(columns));
    std::vector<std::byte> packed(
        static_cast<std::size_t>(tensor_bytes(types[i], std::span(&columns, 1))));
    for (std::int64_t row = 0; row < rows; ++row) {
      random_row(config, tensors[i], options.seed, row, values);
      quantize_row(types[i], values, packed);
      writer.write(packed);
    }
  }
  writer.finish();
}

}  // namespace memagent
