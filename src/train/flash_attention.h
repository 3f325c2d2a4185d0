// packed_attention (packed_attention.h) by LibTorch's kernels of FlashAttention (arXiv 2307.08691),
// on CUDA in bfloat16. Those know runs of tokens that attend to themselves, but not segments that
// share a parent; so attention is made in two parts, each of them over runs:
//
//   1. every segment over itself, causally;
//   2. the children of a parent, as one run of queries, over the parent's keys, all of them;
//
// and a child's two parts are one softmax again by their denominators, as blocks of keys always are
// in FlashAttention. Backwards, each part is given the denominators of the whole, so that the
// gradients of both add up to those of the whole. A shared section is read once for all that goes
// on from it, and nothing is copied or padded.
#pragma once

#include <torch/types.h>

#include <memory>
#include <span>
#include <vector>

#include "train/packed_batch.h"

namespace memagent {

// Tokens of a batch in an order in which both parts are runs: segments without children, parents,
// children by their parents.
class FlashPlan {
 public:
  FlashPlan(std::span<const Segment> segments, torch::Device device);

  // order()[i]: the token of the batch that stands at place i; places()[t]: where token t stands.
  const std::vector<std::int64_t>& order() const { return order_; }
  const std::vector<std::int64_t>& places() const { return places_; }

  // q [tokens, heads, head_dim]; k, v [tokens, kv_heads, head_dim] in that order; out as q.
  // Differentiable in all.
  torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k,
                          const torch::Tensor& v) const;

  // What part of attention is over, for the implementation.
  struct Runs {
    torch::Tensor ends;  // [runs + 1] int32: where each begins, and the last one ends
    std::int64_t longest = 0;
  };
  struct Parts {
    Runs own;       // of part 1
    Runs children;  // of part 2, as queries; counted from first_child
    Runs parents;   // of part 2, as keys; counted from first_parent
    std::int64_t first_parent = 0;
    std::int64_t first_child = 0;  // tokens: there are none
  };

 private:
  std::vector<std::int64_t> order_;
  std::vector<std::int64_t> places_;
  std::shared_ptr<const Parts> parts_;
};

// Whether this LibTorch, this device and these operands have it: CUDA of compute capability 8.0,
// bfloat16, heads of a size that the kernels know, denominators as merge_attention() takes them.
// The first device that is asked for speaks for all of the process's.
bool takes_flash(torch::Device device, torch::ScalarType type, std::int64_t head_dim);

}  // namespace memagent
