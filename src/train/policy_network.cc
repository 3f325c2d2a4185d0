#include "train/policy_network.h"

#include <torch/types.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "train/device_copy.h"
#include "train/flash_attention.h"
#include "train/fused_ops.h"
#include "train/packed_attention.h"
#include "train/policy_state.h"
#include "train/recomputed.h"

namespace memagent {

torch::Tensor PolicyNetwork::State::computed(const torch::Tensor& weight) const {
  return weight.scalar_type() == options.compute ? weight : weight.to(options.compute);
}

// x [tokens, in] -> [tokens, out]
torch::Tensor PolicyNetwork::State::product(const torch::Tensor& x,
                                            const AdaptedMatrix& matrix) const {
  torch::Tensor y = torch::mm(x, computed(matrix.weight).t());
  if (!matrix.a.defined()) return y;
  const torch::Tensor narrow = torch::mm(x, computed(matrix.a).t());
  return y + torch::mm(narrow, computed(matrix.b).t()) * adapter_scale();
}

RotaryAngles PolicyNetwork::State::angles_at(const torch::Tensor& positions) const {
  const torch::Tensor turns = positions.to(torch::kDouble).unsqueeze(1) * frequencies.unsqueeze(0);
  const auto to = torch::TensorOptions(options.device).dtype(options.compute);
  return {turns.cos().to(to), turns.sin().to(to)};
}

RotaryAngles PolicyNetwork::State::angles(std::span<const std::int64_t> positions) const {
  const bool beyond = std::ranges::any_of(
      positions, [this](std::int64_t position) { return position >= table.cosines.size(0); });
  if (beyond) return angles_at(on_device(positions, torch::kCPU));
  const torch::Tensor at = on_device(positions, options.device);
  return {table.cosines.index_select(0, at), table.sines.index_select(0, at)};
}

// x [tokens, dim] -> [tokens, heads * head_dim]
torch::Tensor PolicyNetwork::State::attended(std::int64_t index, const torch::Tensor& x,
                                             const RotaryAngles& angles,
                                             const LayerAttention& attend) const {
  const PolicyLayer& layer = layers[static_cast<std::size_t>(index)];
  torch::Tensor qkv = product(x, layer.qkv);
  if (layer.qkv_bias.defined()) qkv = qkv + computed(layer.qkv_bias);
  const auto norm = [&](const torch::Tensor& weight) {
    return weight.defined() ? computed(weight) : weight;
  };
  const Heads split =
      split_heads(qkv, norm(layer.query_norm), norm(layer.key_norm), angles.cosines, angles.sines,
                  {.heads = config.num_heads,
                   .kv_heads = config.num_kv_heads,
                   .head_dim = config.head_dim,
                   .adjacent = config.rotary_pairs == RotaryPairs::kAdjacent,
                   .epsilon = static_cast<double>(config.rms_epsilon)});
  return attend(index, split.q, split.k, split.v).view({x.size(0), -1});
}

torch::Tensor PolicyNetwork::State::feed_forward(const PolicyLayer& layer,
                                                 const torch::Tensor& x) const {
  return product(swiglu(product(x, layer.gate_up)), layer.down);
}

torch::Tensor PolicyNetwork::State::layer_output(std::int64_t index, torch::Tensor x,
                                                 const RotaryAngles& angles,
                                                 const LayerAttention& attend,
                                                 const torch::Tensor& rows) const {
  const PolicyLayer& layer = layers[static_cast<std::size_t>(index)];
  const double epsilon = static_cast<double>(config.rms_epsilon);
  torch::Tensor heads =
      attended(index, rms_norm(x, computed(layer.attention_norm), epsilon), angles, attend);
  if (rows.defined()) {
    heads = heads.index_select(0, rows);
    x = x.index_select(0, rows);
  }
  x = x + product(heads, layer.attention_output);
  return x + feed_forward(layer, rms_norm(x, computed(layer.ffn_norm), epsilon));
}

std::vector<torch::Tensor> PolicyNetwork::State::trained(std::int64_t index) {
  std::vector<torch::Tensor> all;
  for_each_tensor_of(layers[static_cast<std::size_t>(index)], [&](const torch::Tensor& tensor) {
    if (tensor.defined() && tensor.requires_grad()) all.push_back(tensor);
  });
  return all;
}

PolicyNetwork::PolicyNetwork(const ModelConfig& config, const PolicyOptions& options)
    : state_(std::make_unique<State>()) {
  state_->config = config;
  state_->options = options;
  state_->build();
}

PolicyNetwork::PolicyNetwork(std::unique_ptr<State> state) : state_(std::move(state)) {}

PolicyNetwork::~PolicyNetwork() = default;

std::unique_ptr<PolicyNetwork> PolicyNetwork::generator(
    const std::vector<torch::Tensor>& instead) const {
  MEMAGENT_CHECK(instead.empty() || instead.size() == parameters().size(),
                 "{} tensors for {} parameters", instead.size(), parameters().size());
  auto state = std::make_unique<State>(*state_);
  std::unordered_map<const void*, torch::Tensor> others;
  for (std::size_t i = 0; i < instead.size(); ++i) {
    others[parameters()[i].value.unsafeGetTensorImpl()] = instead[i];
  }
  state->for_each_tensor([&](torch::Tensor& tensor) {
    if (!tensor.defined()) return;
    const auto other = others.find(tensor.unsafeGetTensorImpl());
    tensor = state->computed((other == others.end() ? tensor : other->second).detach());
  });
  if (state->config.tied_output) state->output = state->embedding;
  state->options.weights = state->options.compute;
  state->weights.clear();
  state->adapters.clear();
  return std::unique_ptr<PolicyNetwork>(new PolicyNetwork(std::move(state)));
}

std::unique_ptr<PolicyNetwork> PolicyNetwork::without_adapters() const {
  MEMAGENT_CHECK(state_->adapts(), "a network of {} trained weights has no adapters",
                 parameters().size());
  auto state = std::make_unique<State>(*state_);
  for (PolicyLayer& layer : state->layers) {
    for (AdaptedMatrix* matrix :
         {&layer.qkv, &layer.attention_output, &layer.gate_up, &layer.down}) {
      matrix->a = torch::Tensor();
      matrix->b = torch::Tensor();
    }
  }
  state->options.adapter = {};
  state->weights.clear();
  state->adapter_of.clear();
  state->adapters.clear();
  return std::unique_ptr<PolicyNetwork>(new PolicyNetwork(std::move(state)));
}

const ModelConfig& PolicyNetwork::config() const { return state_->config; }
const PolicyOptions& PolicyNetwork::options() const { return state_->options; }
const std::vector<Parameter>& PolicyNetwork::parameters() const {
  return state_->adapts() ? state_->adapters : state_->weights;
}

const std::vector<std::string>& adaptable_matrices() {
  static const std::vector<std::string> kAll = AdapterConfig().matrices;
  return kAll;
}

torch::Tensor PolicyNetwork::hidden_rows(const PackedBatch& batch) const {
  const PolicyOptions& options = state_->options;
  if (!takes_flash(options.device, options.compute, state_->config.head_dim)) {
    // A copy: the backward pass may come when the batch is gone.
    return hidden(
        batch.tokens, batch.positions,
        [segments = batch.segments](std::int64_t, const torch::Tensor& q, const torch::Tensor& k,
                                    const torch::Tensor& v) {
          return packed_attention(q, k, v, segments);
        },
        batch.rows);
  }
  const FlashPlan plan(batch.segments, options.device);
  const auto gathered = [](const std::vector<std::int64_t>& values,
                           std::span<const std::int64_t> indices) {
    std::vector<std::int64_t> taken;
    taken.reserve(indices.size());
    for (const std::int64_t i : indices) taken.push_back(values[static_cast<std::size_t>(i)]);
    return taken;
  };
  return hidden(
      gathered(batch.tokens, plan.order()), gathered(batch.positions, plan.order()),
      [plan](std::int64_t, const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
        return plan.attention(q, k, v);
      },
      gathered(plan.places(), batch.rows));
}

torch::Tensor PolicyNetwork::hidden(std::span<const std::int64_t> tokens,
                                    std::span<const std::int64_t> positions,
                                    const LayerAttention& attend,
                                    std::span<const std::int64_t> rows) const {
  State& s = *state_;
  const bool recomputes = s.options.recompute_layers && torch::GradMode::is_enabled();
  const RotaryAngles angles = s.angles(positions);
  torch::Tensor x = s.computed(torch::embedding(s.embedding, on_device(tokens, s.options.device)));
  const torch::Tensor wanted = on_device(rows, s.options.device);
  for (std::int64_t index = 0; index < s.config.num_layers; ++index) {
    const torch::Tensor kept = index + 1 == s.config.num_layers ? wanted : torch::Tensor();
    if (!recomputes) {
      x = s.layer_output(index, x, angles, attend, kept);
      continue;
    }
    x = recomputed(
        [&s, index, angles, attend, kept](const torch::Tensor& in) {
          return s.layer_output(index, in, angles, attend, kept);
        },
        x, s.trained(index));
  }
  return rms_norm(x, s.computed(s.output_norm), static_cast<double>(s.config.rms_epsilon));
}

TokenLogprobs PolicyNetwork::logprobs(const PackedBatch& batch, bool with_entropy,
                                      double temperature) const {
  const State& s = *state_;
  const torch::Tensor targets =
      on_device(std::span<const std::int64_t>(batch.targets), s.options.device);
  return token_logprobs(hidden_rows(batch), s.computed(s.output), targets, with_entropy,
                        temperature);
}

torch::Tensor PolicyNetwork::logits(const PackedBatch& batch) const {
  return logits_of(hidden_rows(batch));
}

torch::Tensor PolicyNetwork::logits_of(const torch::Tensor& hidden) const {
  return torch::mm(hidden, state_->computed(state_->output).t());
}

}  // namespace memagent
