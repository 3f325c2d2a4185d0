// What a PolicyNetwork holds: the weights as its forward pass takes them and under the names that
// files know. For its own two sources: policy_network.cc computes, policy_weights.cc makes, loads
// and hands out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "train/policy_network.h"

namespace memagent {

// A matrix with its adapter, if it has one.
struct AdaptedMatrix {
  torch::Tensor weight;  // [out, in]
  torch::Tensor a;       // [rank, in] or undefined
  torch::Tensor b;       // [out, rank] or undefined
};

struct PolicyLayer {
  torch::Tensor attention_norm;    // [dim]
  AdaptedMatrix qkv;               // [(heads + 2 kv_heads) head_dim, dim]
  torch::Tensor qkv_bias;          // [(heads + 2 kv_heads) head_dim] or undefined
  torch::Tensor query_norm;        // [head_dim] or undefined
  torch::Tensor key_norm;          // [head_dim] or undefined
  AdaptedMatrix attention_output;  // [dim, heads head_dim]
  torch::Tensor ffn_norm;          // [dim]
  AdaptedMatrix gate_up;           // [2 ffn, dim]
  AdaptedMatrix down;              // [dim, ffn]
};

// Angles of the rotary embedding, of every token: [tokens, head_dim / 2] each.
struct RotaryAngles {
  torch::Tensor cosines;
  torch::Tensor sines;
};

struct PolicyNetwork::State {
  // A tensor as files name it: a view of a weight or of some of its rows.
  struct Named {
    std::string name;
    torch::Tensor view;
  };

  ModelConfig config;
  PolicyOptions options;
  torch::Tensor frequencies;  // [head_dim / 2] of the rotary embedding, in double, on the CPU
  RotaryAngles table;         // of the first positions; others are worked out
  torch::Tensor embedding;    // [vocab, dim]
  std::vector<PolicyLayer> layers;
  torch::Tensor output_norm;                      // [dim]
  torch::Tensor output;                           // [vocab, dim]; the embedding where tied
  std::vector<Parameter> weights;                 // of files; none where nothing is trained
  std::map<std::string, std::size_t> adapter_of;  // weight's name -> place of A in adapters
  std::vector<Parameter> adapters;                // A, B, A, B, ...

  bool adapts() const { return options.adapter.rank > 0; }
  double adapter_scale() const {
    return options.adapter.alpha / static_cast<double>(options.adapter.rank);
  }

  // policy_weights.cc: all weights, zero.
  void build();
  torch::Tensor zeros(std::vector<std::int64_t> shape, bool trained) const;
  torch::Tensor add(const std::string& name, std::vector<std::int64_t> shape);
  AdaptedMatrix add_matrix(const std::string& prefix, const std::string& name, std::int64_t out,
                           std::int64_t in);
  torch::Tensor merged(const Parameter& weight) const;
  std::vector<Named> named(const std::string& weight, const torch::Tensor& value) const;
  std::vector<Named> named_weights() const;
  // Calls visit(tensor&) for every tensor that the forward pass reads.
  template <typename Visit>
  void for_each_tensor(const Visit& visit);

  // policy_network.cc
  // What of a layer is trained.
  std::vector<torch::Tensor> trained(std::int64_t index);
  torch::Tensor computed(const torch::Tensor& weight) const;
  torch::Tensor product(const torch::Tensor& x, const AdaptedMatrix& matrix) const;
  RotaryAngles angles_at(const torch::Tensor& positions) const;  // int64, on the CPU
  RotaryAngles angles(std::span<const std::int64_t> positions) const;
  torch::Tensor attended(std::int64_t index, const torch::Tensor& x, const RotaryAngles& angles,
                         const LayerAttention& attend) const;
  torch::Tensor feed_forward(const PolicyLayer& layer, const torch::Tensor& x) const;
  // Of the tokens at `rows` alone, where it is defined.
  torch::Tensor layer_output(std::int64_t index, torch::Tensor x, const RotaryAngles& angles,
                             const LayerAttention& attend, const torch::Tensor& rows) const;
};

template <typename Visit>
void for_each_tensor_of(PolicyLayer& layer, const Visit& visit) {
  const auto visit_matrix = [&](AdaptedMatrix& matrix) {
    visit(matrix.weight);
    visit(matrix.a);
    visit(matrix.b);
  };
  visit(layer.attention_norm);
  visit_matrix(layer.qkv);
  visit(layer.qkv_bias);
  visit(layer.query_norm);
  visit(layer.key_norm);
  visit_matrix(layer.attention_output);
  visit(layer.ffn_norm);
  visit_matrix(layer.gate_up);
  visit_matrix(layer.down);
}

template <typename Visit>
void PolicyNetwork::State::for_each_tensor(const Visit& visit) {
  visit(embedding);
  for (PolicyLayer& layer : layers) for_each_tensor_of(layer, visit);
  visit(output_norm);
  if (!config.tied_output) visit(output);
}

}  // namespace memagent
