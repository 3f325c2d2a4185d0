#include "train/kv_slots.h"

#include <torch/types.h>

#include <algorithm>

namespace memagent {
namespace {

torch::Tensor part_of(const torch::Tensor& all, std::int64_t first, std::int64_t last,
                      std::int64_t tokens) {
  return all.slice(0, first, last).slice(2, 0, tokens);
}

}  // namespace

KvSlots::KvSlots(const ModelConfig& config, const torch::TensorOptions& options)
    : kv_heads_(config.num_kv_heads),
      head_dim_(config.head_dim),
      options_(options),
      keys_(static_cast<std::size_t>(config.num_layers)),
      values_(keys_.size()) {}

std::int64_t KvSlots::token_bytes() const {
  const auto layers = static_cast<std::int64_t>(keys_.size());
  return 2 * layers * kv_heads_ * head_dim_ *
         static_cast<std::int64_t>(options_.dtype().itemsize());
}

void KvSlots::reserve(std::int64_t slots, std::int64_t slot_tokens, std::int64_t kept) {
  if (slots == slots_ && slot_tokens == slot_tokens_) return;
  const std::int64_t tokens = std::min(slot_tokens, slot_tokens_);
  for (auto* tensors : {&keys_, &values_}) {
    for (torch::Tensor& tensor : *tensors) {
      if (kept == 0) tensor.reset();  // before the other is asked for
      if (slots == 0) continue;
      const torch::Tensor larger =
          torch::zeros({slots, kv_heads_, slot_tokens, head_dim_}, options_);
      if (kept > 0) part_of(larger, 0, kept, tokens).copy_(part_of(tensor, 0, kept, tokens));
      tensor = larger;
    }
  }
  slots_ = slots;
  slot_tokens_ = slot_tokens;
}

void KvSlots::write(std::int64_t layer, std::int64_t slot, std::int64_t first,
                    const torch::Tensor& k, const torch::Tensor& v) {
  const auto l = static_cast<std::size_t>(layer);
  const std::int64_t last = first + k.size(0);
  keys_[l].select(0, slot).slice(1, first, last).copy_(k.transpose(0, 1));
  values_[l].select(0, slot).slice(1, first, last).copy_(v.transpose(0, 1));
}

void KvSlots::append(std::int64_t layer, const torch::Tensor& slots, const torch::Tensor& places,
                     const torch::Tensor& k, const torch::Tensor& v) {
  const auto l = static_cast<std::size_t>(layer);
  keys_[l].index_put_({slots, torch::indexing::Slice(), places}, k);
  values_[l].index_put_({slots, torch::indexing::Slice(), places}, v);
}

void KvSlots::move(std::int64_t from, std::int64_t to, std::int64_t tokens) {
  if (from == to) return;
  for (auto* tensors : {&keys_, &values_}) {
    for (const torch::Tensor& tensor : *tensors) {
      part_of(tensor, to, to + 1, tokens).copy_(part_of(tensor, from, from + 1, tokens));
    }
  }
}

torch::Tensor KvSlots::keys(std::int64_t layer, std::int64_t first, std::int64_t last,
                            std::int64_t tokens) const {
  return part_of(keys_[static_cast<std::size_t>(layer)], first, last, tokens);
}

torch::Tensor KvSlots::values(std::int64_t layer, std::int64_t first, std::int64_t last,
                              std::int64_t tokens) const {
  return part_of(values_[static_cast<std::size_t>(layer)], first, last, tokens);
}

}  // namespace memagent
