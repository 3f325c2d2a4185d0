// Log-probabilities of chosen tokens under a linear output layer, without ever holding the logits
// of more than a few hundred rows: the backward pass makes them again.
//
//   logits[i] = hidden[i] . weight^T;  logprobs[i] = log softmax(logits[i])[targets[i]]
//   entropy[i] = -sum_v p[i][v] log p[i][v]
#pragma once

#include <torch/types.h>

namespace memagent {

struct TokenLogprobs {
  torch::Tensor logprobs;  // [rows]
  torch::Tensor entropy;   // [rows]; undefined unless asked for
};

// hidden [rows, dim], weight [vocab, dim], targets [rows] int64. Differentiable in hidden and
// weight, through both results. Logits are divided by `temperature`.
TokenLogprobs token_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& targets, bool with_entropy = false,
                             double temperature = 1.0);

}  // namespace memagent
