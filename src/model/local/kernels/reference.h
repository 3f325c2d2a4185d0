// The definition of every kernel: scalar, double accumulation, no threads. Tests hold the fast
// tables against these; nothing else uses them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/local/model_file.h"

namespace memagent::reference {

// out[r][c] = sum_k x[r][k] * w[c][k]; w [columns, inputs] as stored in the file.
std::vector<double> matmul(const TensorView& w, std::span<const float> x, std::int64_t rows);
// x rounded to one scale per block of 32 and back, as the integer kernels see it.
std::vector<float> quantize_activations(std::span<const float> x);
std::vector<double> rms_norm(std::span<const float> x, std::span<const float> weight,
                             double epsilon);
std::vector<double> silu_mul(std::span<const float> gate, std::span<const float> up);
// softmax(q k^T) v over the first `length` keys; keys and values [length][head_dim].
std::vector<double> attention(std::span<const float> query, std::span<const float> keys,
                              std::span<const float> values, std::int64_t length);
// Turns one head [head_dim] by the angles of `position`.
void rotate(std::span<double> head, std::int64_t position, double theta, RotaryPairs pairs,
            std::span<const float> factors);

}  // namespace memagent::reference
