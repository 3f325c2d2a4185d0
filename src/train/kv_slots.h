// Keys and values of sequences that are being generated, on any device: a slot for each sequence,
// all of one length, in one tensor a layer.
//
//   keys, values [slots, kv_heads, slot_tokens, head_dim], innermost contiguous; owned here
//
// Slots and not pages, as the CPU engine's cache has: attention here is made of torch's own
// operations, which read a batch of slots where it lies, while pages would have to be gathered,
// that is copied, for every token and layer. What slots cost is the room behind shorter sequences;
// a step's requests are of like length. Slots are kept dense by whoever uses them (move()), so that
// the first N are those in use. Nothing grows with a token: reserve() gives all the room that a
// sequence will need before its first.
//
// Knows nothing of requests.
#pragma once

#include <torch/types.h>

#include <vector>

#include "model/local/model_file.h"

namespace memagent {

class KvSlots {
 public:
  KvSlots(const ModelConfig& config, const torch::TensorOptions& options);

  // Bytes of one token in all layers.
  std::int64_t token_bytes() const;
  std::int64_t slots() const { return slots_; }
  std::int64_t slot_tokens() const { return slot_tokens_; }
  // Exactly so many slots of so many tokens; the first `kept` keep what they hold. Unused room is
  // zero: it is masked, but must be finite.
  void reserve(std::int64_t slots, std::int64_t slot_tokens, std::int64_t kept);
  // Gives the memory back.
  void clear() { reserve(0, 0, 0); }

  // Tokens [first, first + n) of a slot: k, v [n, kv_heads, head_dim].
  void write(std::int64_t layer, std::int64_t slot, std::int64_t first, const torch::Tensor& k,
             const torch::Tensor& v);
  // One token of each of the first slots: k, v [n, kv_heads, head_dim]; slots and places [n] int64.
  void append(std::int64_t layer, const torch::Tensor& slots, const torch::Tensor& places,
              const torch::Tensor& k, const torch::Tensor& v);
  // The first `tokens` of slot `from` into slot `to`.
  void move(std::int64_t from, std::int64_t to, std::int64_t tokens);

  // Of the slots [first, last) the first `tokens`: views.
  torch::Tensor keys(std::int64_t layer, std::int64_t first, std::int64_t last,
                     std::int64_t tokens) const;
  torch::Tensor values(std::int64_t layer, std::int64_t first, std::int64_t last,
                       std::int64_t tokens) const;

 private:
  std::int64_t kv_heads_;
  std::int64_t head_dim_;
  torch::TensorOptions options_;
  std::int64_t slots_ = 0;
  std::int64_t slot_tokens_ = 0;
  std::vector<torch::Tensor> keys_;    // one a layer
  std::vector<torch::Tensor> values_;  // the same
};

}  // namespace memagent
