// The network that is trained: a Llama, Qwen2 or Qwen3 decoder on LibTorch, with float32 weights.
//
// Same arithmetic as the CPU engine (src/model/local), which plays it in rollouts and in the
// product; tests hold the two to each other. Knows nothing about tasks, losses or optimizers.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/local/model_file.h"
#include "train/packed_batch.h"
#include "train/token_logprobs.h"

namespace memagent {

// Low-rank adapters (LoRA, arXiv 2106.09685): the network's own weights stay as they are, and each
// chosen matrix W [out, in] plays as W + alpha / rank B A with B [out, rank], A [rank, in], which
// alone are trained. B begins as zero: an adapted network begins as the one it adapts.
struct AdapterConfig {
  std::int64_t rank = 0;  // 0: no adapters, all weights are trained
  double alpha = 16;
  // Of every layer: "attn_qkv" (query, key and value as one), "attn_output", "ffn_gate_up" (both as
  // one), "ffn_down".
  std::vector<std::string> matrices = {"attn_qkv", "attn_output", "ffn_gate_up", "ffn_down"};
};
// All that AdapterConfig::matrices may name.
const std::vector<std::string>& adaptable_matrices();

struct PolicyOptions {
  torch::Device device = torch::kCPU;
  torch::ScalarType weights = torch::kFloat;  // double in tests of gradients
  // kBFloat16: weights stay as they are, and are cast for every product.
  torch::ScalarType compute = torch::kFloat;
  AdapterConfig adapter;
  // Of every layer only its input is kept for the backward pass, which computes the rest again
  // (recomputed.h): less memory for a second forward pass. Gradients are the same.
  bool recompute_layers = false;
};

// A trainable tensor. Query, key and value matrices are one, gate and up another, as products of
// one wide matrix are cheaper than of several narrow ones.
struct Parameter {
  std::string name;  // "blk.0.attn_qkv.weight"
  torch::Tensor value;
  bool decays = false;  // weight decay applies: matrices, but not norms and biases
};

// What queries of layer `layer` attend to is the caller's: q [tokens, heads, head_dim] and k, v
// [tokens, kv_heads, head_dim], turned by their angles already, become [tokens, heads, head_dim].
using LayerAttention = std::function<torch::Tensor(std::int64_t layer, const torch::Tensor& q,
                                                   const torch::Tensor& k, const torch::Tensor& v)>;

class PolicyNetwork {
 public:
  // Weights are zero until load() or initialise().
  PolicyNetwork(const ModelConfig& config, const PolicyOptions& options);
  ~PolicyNetwork();
  PolicyNetwork(const PolicyNetwork&) = delete;
  PolicyNetwork& operator=(const PolicyNetwork&) = delete;

  // Copies every tensor of a model of the same shape. Throws Error(kUsage) naming what differs.
  // The network may have more layers, up to twice as many, and be a whole number of times as wide
  // (width, heads, feed-forward): it then starts as the model is (grown.h).
  void load(const ModelFile& model);
  // Normally distributed matrices of standard deviation 0.02 (those that write to the residual
  // stream divided by sqrt(2 layers), as in GPT-2), norms one, biases zero.
  void initialise(std::uint64_t seed);
  // Adapters that change nothing yet. Without adapters, nothing.
  void initialise_adapters(std::uint64_t seed);
  // The weights as a model for the engine and for files, under GGUF's names, float32, adapters
  // merged into the matrices that they belong to. It is a copy that later updates leave alone.
  std::unique_ptr<ModelFile> model_file(std::shared_ptr<const Tokenizer> tokenizer,
                                        std::string chat_template, std::string name) const;
  // The same network to generate with: it has nothing to train, and its weights are of the type
  // that is computed in. Where this network's are of that type already they are these themselves,
  // so that an update is seen at once; else they are copies as of today. `instead`: one for each of
  // parameters(), taken in their place.
  std::unique_ptr<PolicyNetwork> generator(const std::vector<torch::Tensor>& instead = {}) const;
  // The network that an adapted one adapts: it has nothing to train, and its weights are these
  // themselves, with nothing copied. What becomes of the adapters does not change it.
  std::unique_ptr<PolicyNetwork> without_adapters() const;

  // [rows, model_dim], after the last norm, of the tokens at `rows`: for tokens at any positions,
  // with attention of the caller's. All of them are in every layer's attention; of the last layer
  // nothing else is computed but for these.
  torch::Tensor hidden(std::span<const std::int64_t> tokens,
                       std::span<const std::int64_t> positions, const LayerAttention& attend,
                       std::span<const std::int64_t> rows) const;
  // Of rows of hidden(): [rows, vocab_size] in the type that is computed in.
  torch::Tensor logits_of(const torch::Tensor& hidden) const;
  // Of batch.targets at batch.rows.
  TokenLogprobs logprobs(const PackedBatch& batch, bool with_entropy = false,
                         double temperature = 1.0) const;
  // [rows, vocab_size] for tests and small batches.
  torch::Tensor logits(const PackedBatch& batch) const;

  const ModelConfig& config() const;
  const PolicyOptions& options() const;
  // What is trained: all weights, or the adapters alone.
  const std::vector<Parameter>& parameters() const;

 private:
  struct State;
  explicit PolicyNetwork(std::unique_ptr<State> state);
  // The same of batch.rows alone: [rows, model_dim].
  torch::Tensor hidden_rows(const PackedBatch& batch) const;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
