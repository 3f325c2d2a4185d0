// A policy network that generates: it keeps the keys and values of the tokens that it has seen, so
// that each further token costs one row of work.
//
// New tokens of many sequences go through the network side by side without padding, then one token
// of every sequence a step. A beginning that several sequences share is put into a slot of its own
// once; its keys are then read once a step for all of them. Works on the network's device, by the
// network's own layers. Knows nothing of requests, text or sampling.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "memagent/tokenizer.h"
#include "train/kv_slots.h"
#include "train/policy_network.h"

namespace memagent {

// The first tokens of a slot, but for those of the beginning that they go on from.
struct NewTokens {
  std::int64_t slot = 0;
  std::span<const TokenId> tokens;
  std::int64_t prefix = -1;  // slot of the shared beginning; -1: none
  std::int64_t prefix_tokens = 0;
};

// The next token of the sequence whose slot is its place in a span of these.
struct NextToken {
  TokenId token = 0;
  std::int64_t slot_tokens = 0;  // that the slot holds before it
  std::int64_t prefix = -1;
  std::int64_t prefix_tokens = 0;
};

class CachedNetwork {
 public:
  // `network`: one to generate with (PolicyNetwork::generator).
  explicit CachedNetwork(std::shared_ptr<const PolicyNetwork> network);

  // Slots of sequences, and of shared beginnings. Whoever calls reserves and moves.
  KvSlots& sequences() { return sequences_; }
  KvSlots& prefixes() { return prefixes_; }

  // Beginnings into slots of prefixes().
  void add_prefixes(std::span<const NewTokens> all);
  // Into slots of sequences(). Logits after the last token of each: [all, vocab_size] float32, on
  // the network's device.
  torch::Tensor add(std::span<const NewTokens> all);
  // One token of each of the first slots of sequences(). Logits after it, as above.
  torch::Tensor step(std::span<const NextToken> next);

 private:
  torch::Tensor logits(const torch::Tensor& hidden) const;
  // After the last token of each, [all, model_dim]; keys and values of all tokens go into `into`.
  torch::Tensor last_hidden(std::span<const NewTokens> all, KvSlots& into);

  std::shared_ptr<const PolicyNetwork> network_;
  KvSlots sequences_;
  KvSlots prefixes_;
};

}  // namespace memagent
