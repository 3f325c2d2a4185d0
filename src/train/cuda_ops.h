// Pieces of a training step on a CUDA device (cuda_rows.h) as functions on tensors, differentiable
// where their like in fused_ops.h are. Built where LibTorch has CUDA; elsewhere nothing here may be
// called but what is named takes_..., which says no (no_cuda_ops.cc).
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "train/fused_ops.h"
#include "train/row_ops.h"

namespace memagent::cuda {

// Whether `x` is on a CUDA device and of a type that the kernels have: float32 or bfloat16.
bool takes_rows(const torch::Tensor& x);

// As in fused_ops.h, for tensors that takes_rows() takes.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor swiglu(const torch::Tensor& gate_up);

bool takes_heads(const torch::Tensor& qkv, std::int64_t head_dim);
Heads split_heads(const torch::Tensor& qkv, const torch::Tensor& query_norm,
                  const torch::Tensor& key_norm, const torch::Tensor& cosines,
                  const torch::Tensor& sines, const HeadsOptions& options);

// Not differentiable. `out` [rows, heads, head_dim], `lse` [heads, rows] float32 over some keys,
// and the same over others: all of them receive what holds for both, but for `other`, which stays.
void merge_attention(torch::Tensor& out, torch::Tensor& lse, const torch::Tensor& other,
                     torch::Tensor& other_lse);

// Whether a weight can be stepped so: float32, contiguous, on a CUDA device.
bool takes_steps(const torch::Tensor& value);
// `average` undefined: none.
void adamw(const AdamWStep& step, const torch::Tensor& gradient, torch::Tensor& value,
           torch::Tensor& first, torch::Tensor& second, torch::Tensor& average,
           double average_decay);

}  // namespace memagent::cuda
