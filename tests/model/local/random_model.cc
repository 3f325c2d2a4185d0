#include "model/local/random_model.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "format/quant.h"
#include "model/local/kernels/reference.h"
#include "support/byte_tokenizer.h"

namespace memagent::test {
namespace {

class RandomModel final : public ModelFile {
 public:
  explicit RandomModel(const RandomModelOptions& options)
      : options_(options), tokenizer_(byte_tokenizer()) {
    config_.architecture = options.architecture;
    config_.num_layers = options.num_layers;
    config_.model_dim = options.model_dim;
    config_.num_heads = options.num_heads;
    config_.num_kv_heads = options.num_kv_heads;
    config_.head_dim = options.head_dim;
    config_.ffn_dim = options.ffn_dim;
    config_.vocab_size = tokenizer_->vocab_size();
    config_.context_tokens = options.context_tokens;
    config_.tied_output = options.tied_output;
    config_.qkv_bias = options.architecture == Architecture::kQwen2;
    config_.query_key_norm = options.architecture == Architecture::kQwen3;
    config_.rotary_pairs = options.architecture == Architecture::kLlama ? RotaryPairs::kAdjacent
                                                                        : RotaryPairs::kHalves;
    if (options.architecture == Architecture::kLlama) {
      for (std::int32_t i = 0; i < options.head_dim / 2; ++i) {
        config_.rope_factors.push_back(i < 4 ? 1.0F : 8.0F);
      }
    }
    const std::int64_t dim = options.model_dim;
    const std::int64_t query = std::int64_t{options.num_heads} * options.head_dim;
    const std::int64_t kv = std::int64_t{options.num_kv_heads} * options.head_dim;
    matrix("token_embd.weight", config_.vocab_size, dim, 1.0);
    if (!options.tied_output) matrix("output.weight", config_.vocab_size, dim, 1.0);
    vector("output_norm.weight", dim);
    for (std::int32_t l = 0; l < options.num_layers; ++l) {
      const std::string p = "blk." + std::to_string(l) + ".";
      vector(p + "attn_norm.weight", dim);
      vector(p + "ffn_norm.weight", dim);
      matrix(p + "attn_q.weight", query, dim, 2.0);
      matrix(p + "attn_k.weight", kv, dim, 2.0);
      matrix(p + "attn_v.weight", kv, dim, 1.0);
      if (config_.qkv_bias) {
        vector(p + "attn_q.bias", query);
        vector(p + "attn_k.bias", kv);
        vector(p + "attn_v.bias", kv);
      }
      if (config_.query_key_norm) {
        vector(p + "attn_q_norm.weight", options.head_dim);
        vector(p + "attn_k_norm.weight", options.head_dim);
      }
      matrix(p + "attn_output.weight", dim, query, 1.0);
      matrix(p + "ffn_gate.weight", options.ffn_dim, dim, 1.0);
      matrix(p + "ffn_up.weight", options.ffn_dim, dim, 1.0);
      matrix(p + "ffn_down.weight", dim, options.ffn_dim, 1.0);
    }
  }

  const ModelConfig& config() const override { return config_; }
  const TensorView& tensor(const std::string& name) const override {
    return tensors_[index_.at(name)];
  }
  const std::vector<TensorView>& tensors() const override { return tensors_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return tokenizer_; }
  const std::string& chat_template() const override { return empty_; }
  const std::string& name() const override { return name_; }

 private:
  void add(const std::string& name, TensorType type, std::vector<std::int64_t> shape,
           const std::vector<float>& values) {
    const BlockSize block = block_size(type);
    auto bytes = std::make_unique<std::vector<std::byte>>(values.size() /
                                                          static_cast<std::size_t>(block.elements) *
                                                          static_cast<std::size_t>(block.bytes));
    quantize_row(type, values, *bytes);
    index_[name] = tensors_.size();
    tensors_.push_back({name, type, std::move(shape), *bytes});
    storage_.push_back(std::move(bytes));
  }
  // Rows of `scale` times unit variance over the number of inputs.
  void matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double scale) {
    add(name, options_.type, {rows, columns},
        values(rows * columns, scale * std::sqrt(12.0 / static_cast<double>(columns)), 0.0));
  }
  void vector(const std::string& name, std::int64_t size) {
    add(name, TensorType::kF32, {size},
        values(size, 0.5, name.find("norm") == std::string::npos ? 0.0 : 1.0));
  }
  std::vector<float> values(std::int64_t count, double spread, double center) {
    RandomStream random(derive(options_.seed, tensors_.size()));
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& value : out) value = static_cast<float>(center + spread * (random.uniform() - 0.5));
    return out;
  }

  RandomModelOptions options_;
  std::shared_ptr<const ByteTokenizer> tokenizer_;
  ModelConfig config_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t> index_;
  std::vector<std::unique_ptr<std::vector<std::byte>>> storage_;
  std::string empty_;
  std::string name_ = "random";
};

std::vector<float> vector_of(const ModelFile& model, const std::string& name) {
  const TensorView& tensor = model.tensor(name);
  std::vector<float> out(static_cast<std::size_t>(tensor.shape[0]));
  dequantize_row(tensor.type, tensor.data, out);
  return out;
}

std::vector<float> floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

std::shared_ptr<const ModelFile> random_model(const RandomModelOptions& options) {
  return std::make_shared<RandomModel>(options);
}

std::vector<std::vector<double>> reference_logprobs(const ModelFile& model,
                                                    std::span<const TokenId> tokens,
                                                    CacheType cache) {
  const ModelConfig& config = model.config();
  const std::size_t count = tokens.size();
  const auto dim = static_cast<std::size_t>(config.model_dim);
  const auto head_dim = static_cast<std::size_t>(config.head_dim);
  const auto heads = static_cast<std::size_t>(config.num_heads);
  const auto kv_heads = static_cast<std::size_t>(config.num_kv_heads);

  const TensorView& table = model.tensor("token_embd.weight");
  const std::size_t row_bytes = table.data.size() / static_cast<std::size_t>(config.vocab_size);
  std::vector<std::vector<double>> x;
  for (const TokenId token : tokens) {
    std::vector<float> row(dim);
    dequantize_row(table.type,
                   table.data.subspan(static_cast<std::size_t>(token) * row_bytes, row_bytes), row);
    x.emplace_back(row.begin(), row.end());
  }
  for (std::int32_t l = 0; l < config.num_layers; ++l) {
    const std::string p = "blk." + std::to_string(l) + ".";
    const auto norm = vector_of(model, p + "attn_norm.weight");
    std::vector<std::vector<double>> queries;
    std::vector<std::vector<float>> keys(kv_heads);
    std::vector<std::vector<float>> values(kv_heads);
    for (std::size_t t = 0; t < count; ++t) {
      const auto h = floats(reference::rms_norm(floats(x[t]), norm, config.rms_epsilon));
      auto q = reference::matmul(model.tensor(p + "attn_q.weight"), h, 1);
      auto k = reference::matmul(model.tensor(p + "attn_k.weight"), h, 1);
      auto v = reference::matmul(model.tensor(p + "attn_v.weight"), h, 1);
      if (config.qkv_bias) {
        const auto add_bias = [&](std::vector<double>& to, const std::string& name) {
          const auto bias = vector_of(model, name);
          for (std::size_t i = 0; i < to.size(); ++i) to[i] += bias[i];
        };
        add_bias(q, p + "attn_q.bias");
        add_bias(k, p + "attn_k.bias");
        add_bias(v, p + "attn_v.bias");
      }
      const auto shape_head = [&](std::vector<double>& all, std::size_t head,
                                  const std::string& norm_name) {
        const std::span part = std::span(all).subspan(head * head_dim, head_dim);
        if (config.query_key_norm) {
          const auto normed = reference::rms_norm(floats({part.begin(), part.end()}),
                                                  vector_of(model, norm_name), config.rms_epsilon);
          std::ranges::copy(normed, part.begin());
        }
        reference::rotate(part, static_cast<std::int64_t>(t), config.rope_theta,
                          config.rotary_pairs, config.rope_factors);
      };
      const auto kept = [cache](double value) {
        const auto single = static_cast<float>(value);
        if (cache == CacheType::kExact) return single;
        return half_to_float(float_to_half(single));
      };
      for (std::size_t head = 0; head < heads; ++head)
        shape_head(q, head, p + "attn_q_norm.weight");
      for (std::size_t head = 0; head < kv_heads; ++head) {
        shape_head(k, head, p + "attn_k_norm.weight");
        for (std::size_t d = 0; d < head_dim; ++d) {
          keys[head].push_back(kept(k[head * head_dim + d]));
          values[head].push_back(kept(v[head * head_dim + d]));
        }
      }
      queries.push_back(std::move(q));
    }
    const auto ffn_norm = vector_of(model, p + "ffn_norm.weight");
    for (std::size_t t = 0; t < count; ++t) {
      std::vector<float> attended;
      for (std::size_t head = 0; head < heads; ++head) {
        std::vector<float> query;
        for (std::size_t d = 0; d < head_dim; ++d) {
          query.push_back(static_cast<float>(queries[t][head * head_dim + d] /
                                             std::sqrt(static_cast<double>(head_dim))));
        }
        const std::size_t kv_head = head / (heads / kv_heads);
        const auto out = reference::attention(query, keys[kv_head], values[kv_head],
                                              static_cast<std::int64_t>(t + 1));
        attended.insert(attended.end(), out.begin(), out.end());
      }
      const auto projected = reference::matmul(model.tensor(p + "attn_output.weight"), attended, 1);
      for (std::size_t i = 0; i < dim; ++i) x[t][i] += projected[i];
      const auto h = floats(reference::rms_norm(floats(x[t]), ffn_norm, config.rms_epsilon));
      const auto gate = floats(reference::matmul(model.tensor(p + "ffn_gate.weight"), h, 1));
      const auto up = floats(reference::matmul(model.tensor(p + "ffn_up.weight"), h, 1));
      const auto down = reference::matmul(model.tensor(p + "ffn_down.weight"),
                                          floats(reference::silu_mul(gate, up)), 1);
      for (std::size_t i = 0; i < dim; ++i) x[t][i] += down[i];
    }
  }
  const auto output_norm = vector_of(model, "output_norm.weight");
  const TensorView& output =
      model.tensor(config.tied_output ? "token_embd.weight" : "output.weight");
  std::vector<std::vector<double>> logprobs;
  for (const auto& row : x) {
    auto logits = reference::matmul(
        output, floats(reference::rms_norm(floats(row), output_norm, config.rms_epsilon)), 1);
    const double max = *std::ranges::max_element(logits);
    double total = 0.0;
    for (const double logit : logits) total += std::exp(logit - max);
    for (double& logit : logits) logit -= max + std::log(total);
    logprobs.push_back(std::move(logits));
  }
  return logprobs;
}

}  // namespace memagent::test
