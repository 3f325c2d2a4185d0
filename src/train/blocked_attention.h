// packed_attention of torch's operations for any device and type, in blocks of queries whose scores
// are made again in the backward pass and never kept: what a layer holds grows with the tokens and
// not with their square (as in arXiv 2205.14135, without its kernels). Where the operands are
// narrower than float32, scores and sums over them are float32.
#pragma once

#include <torch/types.h>

#include <span>

#include "train/packed_batch.h"

namespace memagent {

// As packed_attention (packed_attention.h). `block`: queries at a time.
torch::Tensor blocked_attention(const torch::Tensor& q, const torch::Tensor& k,
                                const torch::Tensor& v, std::span<const Segment> segments,
                                std::int64_t block = 512);

}  // namespace memagent
