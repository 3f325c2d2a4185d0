// Differentiable pieces of a transformer layer. On the CPU in float32 each is one pass over its
// rows (row_ops.h), forwards and backwards; for other devices and types they are composed of
// torch's operations, which is also their definition for tests.
#pragma once

#include <torch/types.h>

namespace memagent {

// x [rows, dim], weight [dim] -> [rows, dim]: x weight / sqrt(mean(x^2) + epsilon).
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

// gate_up [rows, 2 dim] -> [rows, dim]: silu(first half) times second half.
torch::Tensor swiglu(const torch::Tensor& gate_up);

// x [tokens, heads, head_dim]; cosines, sines [tokens, head_dim / 2], no gradient. Pairs (2i, 2i+1)
// with `adjacent`, else (i, i + head_dim / 2).
torch::Tensor rotary(const torch::Tensor& x, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent);

namespace composed {  // of torch's operations
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor swiglu(const torch::Tensor& gate_up);
torch::Tensor rotary(const torch::Tensor& x, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent);
}  // namespace composed

}  // namespace memagent
