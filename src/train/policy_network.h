// The network that is trained: a Llama, Qwen2 or Qwen3 decoder on LibTorch, with float32 weights.
//
// Same arithmetic as the CPU engine (src/model/local), which plays it in rollouts and in the
// product; tests hold the two to each other. Knows nothing about tasks, losses or optimizers.
#pragma once

#include <torch/types.h>

#include <memory>
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
  torch::ScalarType compute = torch::kFloat;  // kBFloat16 on a GPU: weights stay as they are
  AdapterConfig adapter;
};

// A trainable tensor. Query, key and value matrices are one, gate and up another, as products of
// one wide matrix are cheaper than of several narrow ones.
struct Parameter {
  std::string name;  // "blk.0.attn_qkv.weight"
  torch::Tensor value;
  bool decays = false;  // weight decay applies: matrices, but not norms and biases
};

class PolicyNetwork {
 public:
  // Weights are zero until load() or initialise().
  PolicyNetwork(const ModelConfig& config, const PolicyOptions& options);
  ~PolicyNetwork();
  PolicyNetwork(const PolicyNetwork&) = delete;
  PolicyNetwork& operator=(const PolicyNetwork&) = delete;

  // Copies every tensor of a model of the same shape. Throws Error(kUsage) naming what differs.
  // Where the network has more layers, up to twice as many, these are spread evenly between the
  // model's: each is a copy of the one before it whose output matrices are zero, so that the
  // network starts as the model is (block expansion, arXiv 2401.02415).
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

  // [num_tokens, model_dim], after the last norm.
  torch::Tensor hidden(const PackedBatch& batch) const;
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
  std::unique_ptr<State> state_;
};

}  // namespace memagent
