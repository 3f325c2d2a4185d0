// Attention over keys that lie in a cache, in parts that are put together: a sequence's own keys,
// and those of a beginning that it shares with others, which stand in the cache once.
//
//   out = (e^(m1 - m) o1 + e^(m2 - m) o2) / (e^(m1 - m) s1 + e^(m2 - m) s2),  m = max(m1, m2)
//
// where part i has its largest score m_i, s_i = sum_u e^(score_u - m_i) and
// o_i = sum_u e^(score_u - m_i) v_u (arXiv 1805.02867; for shared beginnings arXiv 2402.05099).
// Made of torch's operations for any device; scores and sums are float32 where the operands are
// narrower. Not differentiable by design: generation has no gradients.
#pragma once

#include <torch/types.h>

namespace memagent {

// Of queries [batch, kv_heads, group, n, ...], where `group` query heads share a head of keys.
struct AttentionPart {
  torch::Tensor weighted;  // [batch, kv_heads, group, n, head_dim]
  torch::Tensor largest;   // [batch, kv_heads, group, n, 1]
  torch::Tensor sum;       // the same
};

// q [batch, kv_heads, group, n, head_dim], not yet scaled; k, v [batch, kv_heads, tokens,
// head_dim], read where they lie; hidden: true where a query may not look, broadcast to [batch,
// kv_heads, group, n, tokens], or undefined. Every query must see a key.
AttentionPart attention_part(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                             const torch::Tensor& hidden);

// Of the same queries over all keys of both: [batch, kv_heads, group, n, head_dim]. A part whose
// `largest` is minus infinity counts nothing; both may not be so.
torch::Tensor attention_of(const AttentionPart& a, const AttentionPart& b);
torch::Tensor attention_of(const AttentionPart& alone);

}  // namespace memagent
