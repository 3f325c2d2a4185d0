#include "train/cached_attention.h"

#include <torch/types.h>

#include <cmath>
#include <limits>

namespace memagent {
namespace {

torch::ScalarType type_of_sums(const torch::Tensor& operand) {
  return operand.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
}

}  // namespace

AttentionPart attention_part(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                             const torch::Tensor& hidden) {
  const std::int64_t batch = q.size(0);
  const std::int64_t kv_heads = q.size(1);
  const std::int64_t group = q.size(2);
  const std::int64_t queries = q.size(3);
  const std::int64_t dim = q.size(4);
  const std::int64_t tokens = k.size(2);
  const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
  // One product for all heads that read the same keys. Slots and heads lie at even distances, so
  // flattening a view of the cache copies nothing.
  const torch::Tensor rows = q.reshape({batch * kv_heads, group * queries, dim});
  torch::Tensor scores = torch::bmm(rows, k.flatten(0, 1).transpose(1, 2))
                             .to(type_of_sums(q))
                             .view({batch, kv_heads, group, queries, tokens});
  scores.mul_(scale);
  if (hidden.defined()) scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  AttentionPart part;
  part.largest = scores.amax(-1, true);
  const torch::Tensor weights = scores.sub_(part.largest).exp_();
  part.sum = weights.sum(-1, true);
  part.weighted =
      torch::bmm(weights.view({batch * kv_heads, group * queries, tokens}).to(v.scalar_type()),
                 v.flatten(0, 1))
          .to(type_of_sums(q))
          .view({batch, kv_heads, group, queries, dim});
  return part;
}

torch::Tensor attention_of(const AttentionPart& a, const AttentionPart& b) {
  const torch::Tensor largest = torch::maximum(a.largest, b.largest);
  const torch::Tensor share_a = (a.largest - largest).exp_();
  const torch::Tensor share_b = (b.largest - largest).exp_();
  return (a.weighted * share_a + b.weighted * share_b) / (a.sum * share_a + b.sum * share_b);
}

torch::Tensor attention_of(const AttentionPart& alone) { return alone.weighted / alone.sum; }

}  // namespace memagent
