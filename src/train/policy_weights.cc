// The weights of a policy network: made, loaded, drawn, and handed out as a model.
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/random.h"
#include "model/local/model_file_layout.h"
#include "model/local/model_rows.h"
#include "train/grown.h"
#include "train/normal.h"
#include "train/policy_state.h"

namespace memagent {
namespace {

// Positions whose angles are kept ready: a model that is made for a million of them is hardly ever
// trained on as many, and would hold half a gigabyte for them.
constexpr std::int64_t kTablePositions = 32768;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// "blk.3.attn_q.weight" into the layer's number and what follows it.
std::optional<std::pair<std::size_t, std::string>> split_layer(const std::string& name) {
  constexpr std::string_view kLayer = "blk.";
  if (!name.starts_with(kLayer)) return std::nullopt;
  const std::size_t dot = name.find('.', kLayer.size());
  return std::pair(std::stoul(name.substr(kLayer.size(), dot - kLayer.size())), name.substr(dot));
}

}  // namespace

torch::Tensor PolicyNetwork::State::zeros(std::vector<std::int64_t> shape, bool trained) const {
  torch::Tensor value =
      torch::zeros(shape, torch::TensorOptions(options.device).dtype(options.weights));
  value.set_requires_grad(trained);
  return value;
}

torch::Tensor PolicyNetwork::State::add(const std::string& name, std::vector<std::int64_t> shape) {
  const bool matrix = shape.size() == 2;
  torch::Tensor value = zeros(std::move(shape), !adapts());
  weights.push_back({name, value, matrix});
  return value;
}

AdaptedMatrix PolicyNetwork::State::add_matrix(const std::string& prefix, const std::string& name,
                                               std::int64_t out, std::int64_t in) {
  AdaptedMatrix matrix;
  matrix.weight = add(prefix + name + ".weight", {out, in});
  const std::vector<std::string>& chosen = options.adapter.matrices;
  if (adapts() && std::find(chosen.begin(), chosen.end(), name) != chosen.end()) {
    adapter_of[weights.back().name] = adapters.size();
    matrix.a = zeros({options.adapter.rank, in}, true);
    matrix.b = zeros({out, options.adapter.rank}, true);
    adapters.push_back({prefix + name + ".lora_a", matrix.a, true});
    adapters.push_back({prefix + name + ".lora_b", matrix.b, true});
  }
  return matrix;
}

void PolicyNetwork::State::build() {
  const std::int64_t dim = config.model_dim;
  const std::int64_t head_dim = config.head_dim;
  const std::int64_t q_rows = config.num_heads * head_dim;
  const std::int64_t qkv_rows = q_rows + 2 * config.num_kv_heads * head_dim;
  embedding = add("token_embd.weight", {config.vocab_size, dim});
  for (std::int32_t i = 0; i < config.num_layers; ++i) {
    const std::string prefix = fmt::format("blk.{}.", i);
    PolicyLayer layer;
    layer.attention_norm = add(prefix + "attn_norm.weight", {dim});
    layer.qkv = add_matrix(prefix, "attn_qkv", qkv_rows, dim);
    if (config.qkv_bias) layer.qkv_bias = add(prefix + "attn_qkv.bias", {qkv_rows});
    if (config.query_key_norm) {
      layer.query_norm = add(prefix + "attn_q_norm.weight", {head_dim});
      layer.key_norm = add(prefix + "attn_k_norm.weight", {head_dim});
    }
    layer.attention_output = add_matrix(prefix, "attn_output", dim, q_rows);
    layer.ffn_norm = add(prefix + "ffn_norm.weight", {dim});
    layer.gate_up = add_matrix(prefix, "ffn_gate_up", 2 * std::int64_t{config.ffn_dim}, dim);
    layer.down = add_matrix(prefix, "ffn_down", dim, config.ffn_dim);
    layers.push_back(std::move(layer));
  }
  output_norm = add("output_norm.weight", {dim});
  output = config.tied_output ? embedding : add("output.weight", {config.vocab_size, dim});
  frequencies = torch::empty({head_dim / 2}, torch::kDouble);
  for (std::int64_t i = 0; i < head_dim / 2; ++i) {
    double frequency = std::pow(static_cast<double>(config.rope_theta),
                                -2.0 * static_cast<double>(i) / config.head_dim);
    if (!config.rope_factors.empty()) {
      frequency /= static_cast<double>(config.rope_factors[static_cast<std::size_t>(i)]);
    }
    frequencies[i] = frequency;
  }
  table = angles_at(
      torch::arange(std::min<std::int64_t>(config.context_tokens, kTablePositions), torch::kInt64));
}

// What a weight is in files: adapters merged, which are [out, in] for the time of a copy.
torch::Tensor PolicyNetwork::State::merged(const Parameter& weight) const {
  const auto found = adapter_of.find(weight.name);
  const torch::Tensor value = weight.value.detach();
  if (found == adapter_of.end()) return value;
  const torch::Tensor a = adapters[found->second].value.detach();
  const torch::Tensor b = adapters[found->second + 1].value.detach();
  return value + torch::mm(b, a) * adapter_scale();
}

// A weight under the names that files know, in one or several parts.
std::vector<PolicyNetwork::State::Named> PolicyNetwork::State::named(
    const std::string& weight, const torch::Tensor& value) const {
  const std::int64_t q_rows = std::int64_t{config.num_heads} * config.head_dim;
  const std::int64_t k_rows = std::int64_t{config.num_kv_heads} * config.head_dim;
  std::vector<Named> parts;
  const auto part = [&](std::string_view whole, const char* name, std::int64_t first,
                        std::int64_t rows) {
    std::string full = weight;
    full.replace(weight.find(whole), whole.size(), name);
    parts.push_back({full, value.slice(0, first, first + rows)});
  };
  if (weight.find("attn_qkv") != std::string::npos) {
    part("attn_qkv", "attn_q", 0, q_rows);
    part("attn_qkv", "attn_k", q_rows, k_rows);
    part("attn_qkv", "attn_v", q_rows + k_rows, k_rows);
  } else if (weight.find("ffn_gate_up") != std::string::npos) {
    part("ffn_gate_up", "ffn_gate", 0, config.ffn_dim);
    part("ffn_gate_up", "ffn_up", config.ffn_dim, config.ffn_dim);
  } else {
    parts.push_back({weight, value});
  }
  return parts;
}

// Views of the weights themselves.
std::vector<PolicyNetwork::State::Named> PolicyNetwork::State::named_weights() const {
  std::vector<Named> all;
  for (const Parameter& weight : weights) {
    for (Named& part : named(weight.name, weight.value.detach())) all.push_back(std::move(part));
  }
  return all;
}

void PolicyNetwork::load(const ModelFile& model) {
  const ModelConfig& mine = state_->config;
  const ModelConfig& theirs = model.config();
  const auto need = [&](const char* what, std::int64_t wanted, std::int64_t found) {
    if (wanted != found) {
      fail(ErrorKind::kUsage, "weights '{}': {} is {}, the network has {}: choose weights that fit",
           model.name(), what, found, wanted);
    }
  };
  if (mine.num_layers < theirs.num_layers || mine.num_layers > 2 * theirs.num_layers) {
    need("num_layers", mine.num_layers, theirs.num_layers);
  }
  const std::int32_t times = std::max(1, mine.model_dim / theirs.model_dim);
  need("model_dim", mine.model_dim, times * theirs.model_dim);
  need("num_heads", mine.num_heads, times * theirs.num_heads);
  need("num_kv_heads", mine.num_kv_heads, times * theirs.num_kv_heads);
  need("head_dim", mine.head_dim, theirs.head_dim);
  need("ffn_dim", mine.ffn_dim, times * theirs.ffn_dim);
  need("vocab_size", mine.vocab_size, theirs.vocab_size);
  need("tied_output", mine.tied_output ? 1 : 0, theirs.tied_output ? 1 : 0);
  need("qkv_bias", mine.qkv_bias ? 1 : 0, theirs.qkv_bias ? 1 : 0);
  need("query_key_norm", mine.query_key_norm ? 1 : 0, theirs.query_key_norm ? 1 : 0);
  const torch::NoGradGuard no_gradients;
  const std::vector<LayerSource> sources = layer_sources(mine.num_layers, theirs.num_layers);
  for (const State::Named& named : state_->named_weights()) {
    std::string name = named.name;
    if (const auto layer = split_layer(named.name)) {
      const auto& [index, rest] = *layer;
      const LayerSource& source = sources[index];
      const bool to_residual = rest == ".attn_output.weight" || rest == ".ffn_down.weight";
      if (source.added && to_residual) {
        torch::Tensor(named.view).zero_();
        continue;
      }
      name = fmt::format("blk.{}{}", source.layer, rest);
    }
    const TensorView& there = model.tensor(name);
    RowReader reader(there, TensorType::kF32,
                     {theirs.rotary_pairs, mine.rotary_pairs, mine.head_dim}, model.name());
    torch::Tensor values = torch::empty(there.shape, torch::kFloat);
    auto* out = static_cast<std::byte*>(values.data_ptr());
    for (std::int64_t row = 0; row < reader.rows(); ++row) {
      const std::span<const std::byte> bytes = reader.row(row);
      out = std::copy(bytes.begin(), bytes.end(), out);
    }
    torch::Tensor(named.view).copy_(widened(named.name, values, times, mine.tied_output));
  }
}

void PolicyNetwork::initialise(std::uint64_t seed) {
  constexpr double kDeviation = 0.02;
  const torch::NoGradGuard no_gradients;
  for (const State::Named& named : state_->named_weights()) {
    torch::Tensor view = named.view;
    if (view.dim() == 1) {
      view.fill_(ends_with(named.name, ".bias") ? 0.0 : 1.0);
      continue;
    }
    const bool to_residual =
        ends_with(named.name, "attn_output.weight") || ends_with(named.name, "ffn_down.weight");
    Hash64 name;
    name.update(named.name);
    fill_normal(view, derive(seed, name.value()),
                to_residual ? kDeviation / std::sqrt(2.0 * state_->config.num_layers) : kDeviation);
  }
}

// B is zero. A is normally distributed with standard deviation 1 / sqrt(in), so that what B is
// multiplied with is of the size of its input.
void PolicyNetwork::initialise_adapters(std::uint64_t seed) {
  const torch::NoGradGuard no_gradients;
  for (const Parameter& adapter : state_->adapters) {
    torch::Tensor value = adapter.value.detach();
    if (!ends_with(adapter.name, ".lora_a")) {
      value.zero_();
      continue;
    }
    Hash64 name;
    name.update(adapter.name);
    fill_normal(value, derive(seed, name.value()),
                1 / std::sqrt(static_cast<double>(value.size(1))));
  }
}

std::unique_ptr<ModelFile> PolicyNetwork::model_file(std::shared_ptr<const Tokenizer> tokenizer,
                                                     std::string chat_template,
                                                     std::string name) const {
  MEMAGENT_CHECK(!state_->weights.empty(), "network {} has nothing to train", name);
  ModelParts parts;
  parts.path = name;
  parts.name = std::move(name);
  parts.config = state_->config;
  parts.tokenizer = std::move(tokenizer);
  parts.chat_template = std::move(chat_template);
  const torch::NoGradGuard no_gradients;
  for (const Parameter& weight : state_->weights) {
    for (const State::Named& named : state_->named(weight.name, state_->merged(weight))) {
      const torch::Tensor values = named.view.to(torch::kCPU, torch::kFloat).contiguous();
      const auto* data = static_cast<const std::byte*>(values.data_ptr());
      auto copy = std::make_shared<const std::vector<std::byte>>(data, data + values.nbytes());
      TensorView view;
      view.name = named.name;
      view.type = TensorType::kF32;
      view.shape = named.view.sizes().vec();
      view.data = *copy;
      parts.tensors.emplace(named.name, std::move(view));
      parts.copies.push_back(std::move(copy));
    }
  }
  return make_model_file(std::move(parts));
}

}  // namespace memagent
