// Causal grouped-query attention over the segments of a packed batch.
//
//   out[t][h] = sum_u softmax_u(q[t][h] . k[u][h / (heads / kv_heads)] / sqrt(head_dim)) v[u][...]
//
// over the tokens u that t sees: its parent's, and its own segment's up to itself. On the CPU in
// float32 the scores are made in blocks of queries and never kept: the backward pass makes them
// again from one number a query and head, the logarithm of the softmax's denominator (as in
// arXiv 2205.14135). Elsewhere it is the same of torch's operations (blocked_attention.h); on
// CUDA in bfloat16 the network takes LibTorch's kernels instead (flash_attention.h). The
// definition for tests keeps all scores.
#pragma once

#include <torch/types.h>

#include <span>

#include "train/packed_batch.h"

namespace memagent {

// q [tokens, heads, head_dim]; k, v [tokens, kv_heads, head_dim]; out as q. Differentiable in all.
torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k,
                               const torch::Tensor& v, std::span<const Segment> segments);

// The definition, from torch's operations.
torch::Tensor composed_attention(const torch::Tensor& q, const torch::Tensor& k,
                                 const torch::Tensor& v, std::span<const Segment> segments);

}  // namespace memagent
