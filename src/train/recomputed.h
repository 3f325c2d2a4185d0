// A piece of a network whose insides are not kept for the backward pass but computed again there:
// what is kept is its input (arXiv 1604.06174). A network of L such pieces holds the insides of one
// at a time, at the price of a second forward pass.
//
// Not the checkpoint that a run goes on from (checkpoint.h).
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace memagent {

// work(x), differentiable in x and in `parameters`, the leaves that it uses besides and that are
// trained. `work` is called here without gradients, and once more with them for each backward
// pass: it must give the same again and keep what it refers to alive.
torch::Tensor recomputed(std::function<torch::Tensor(const torch::Tensor& x)> work,
                         const torch::Tensor& x, const std::vector<torch::Tensor>& parameters);

}  // namespace memagent
