// Differentiable pieces of a transformer layer. On the CPU in float32 each is one pass over its
// rows (row_ops.h), forwards and backwards, and so it is on CUDA (cuda_ops.h); for other devices
// and types they are composed of torch's operations, which is also their definition for tests.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace memagent {

// x [rows, dim], weight [dim] -> [rows, dim]: x weight / sqrt(mean(x^2) + epsilon).
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

// gate_up [rows, 2 dim] -> [rows, dim]: silu(first half) times second half.
torch::Tensor swiglu(const torch::Tensor& gate_up);

// x [tokens, heads, head_dim]; cosines, sines [tokens, head_dim / 2], no gradient. Pairs (2i, 2i+1)
// with `adjacent`, else (i, i + head_dim / 2).
torch::Tensor rotary(const torch::Tensor& x, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent);

struct Heads {
  torch::Tensor q;  // [tokens, heads, head_dim]
  torch::Tensor k;  // [tokens, kv_heads, head_dim]
  torch::Tensor v;  // as k
};
struct HeadsOptions {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  bool adjacent = false;  // as for rotary()
  double epsilon = 0;     // of the norms
};
// qkv [tokens, (heads + 2 kv_heads) head_dim] apart: queries and keys normed by head (by norms
// [head_dim], both or neither defined) and turned by their token's angles.
Heads split_heads(const torch::Tensor& qkv, const torch::Tensor& query_norm,
                  const torch::Tensor& key_norm, const torch::Tensor& cosines,
                  const torch::Tensor& sines, const HeadsOptions& options);

namespace composed {  // of torch's operations
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor swiglu(const torch::Tensor& gate_up);
torch::Tensor rotary(const torch::Tensor& x, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent);
}  // namespace composed

}  // namespace memagent
