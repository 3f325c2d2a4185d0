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

struct PolicyOptions {
  torch::Device device = torch::kCPU;
  torch::ScalarType weights = torch::kFloat;  // double in tests of gradients
  torch::ScalarType compute = torch::kFloat;  // kBFloat16 on a GPU: weights stay as they are
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
  void load(const ModelFile& model);
  // Normally distributed matrices of standard deviation 0.02 (those that write to the residual
  // stream divided by sqrt(2 layers), as in GPT-2), norms one, biases zero.
  void initialise(std::uint64_t seed);
  // The weights as a model for the engine and for files, under GGUF's names, float32. It is a copy
  // that later updates leave alone.
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
  const std::vector<Parameter>& parameters() const;

  // A tensor as files name it: a view of a parameter or of some of its rows.
  struct Named {
    std::string name;
    torch::Tensor view;
  };
  std::vector<Named> named_tensors() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
