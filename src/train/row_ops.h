// The parts of a transformer's training step that are not matrix products, as vectorised loops over
// rows of float32 on the CPU: norms, activations, softmax, rotary embeddings, the optimizer.
//
// A table of functions for the best instruction set of this machine, chosen once. Nothing here
// knows of tensors or threads: callers split rows among threads. Tests hold each to
// torch's operations in float64.
#pragma once

#include <cstdint>

namespace memagent {

// Element i of a step: m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
// w -= rate (m / correction1 / (sqrt(v / correction2) + epsilon) + decay w), g scaled by
// gradient_scale. Source: arXiv 1711.05101, algorithm 2.
struct AdamWStep {
  float rate = 0;
  float beta1 = 0.9F;
  float beta2 = 0.95F;
  float epsilon = 1e-8F;
  float decay = 0;
  float correction1 = 1;  // 1 - beta1^t
  float correction2 = 1;  // 1 - beta2^t
  float gradient_scale = 1;
};

struct RowOps {
  const char* name;

  // y[r][i] = x[r][i] * factor[r] * w[i], factor[r] = 1 / sqrt(mean_i x[r][i]^2 + epsilon).
  void (*rms_norm)(const float* x, const float* w, float epsilon, std::int64_t rows,
                   std::int64_t dim, float* y, float* factor);
  // dx[r][i] = factor dy w - x factor^3 / dim sum_j(dy_j w_j x_j); dw[i] += sum_r dy x factor.
  void (*rms_norm_backward)(const float* x, const float* w, const float* factor, const float* dy,
                            std::int64_t rows, std::int64_t dim, float* dx, float* dw);

  // y[r][i] = silu(gate) up, gate = gate_up[r][i], up = gate_up[r][dim + i]. gate_up [rows, 2 dim].
  void (*swiglu)(const float* gate_up, std::int64_t rows, std::int64_t dim, float* y);
  void (*swiglu_backward)(const float* gate_up, const float* dy, std::int64_t rows,
                          std::int64_t dim, float* dgate_up);

  // s[0, valid) becomes exp(s - max); s[valid, size) becomes 0. Returns max and sum of the former.
  void (*exp_row)(float* s, std::int64_t valid, std::int64_t size, float* max, float* sum);
  // s[0, valid) becomes p = exp(s - lse); dp[0, valid) becomes p (dp - dot); both 0 beyond.
  void (*softmax_row_backward)(float* s, float* dp, float lse, float dot, std::int64_t valid,
                               std::int64_t size);

  // Turns pairs of each head by the row's angles: (a, b) -> (a cos - b sin, a sin + b cos), or back
  // with `inverse`. x, y [heads, head_dim] of one row; cosines, sines [head_dim / 2]. Pairs are
  // (i, i + head_dim/2), or (2i, 2i+1) with `adjacent`. x may be y.
  void (*rotate)(const float* x, const float* cosines, const float* sines, std::int64_t heads,
                 std::int64_t head_dim, bool adjacent, bool inverse, float* y);

  float (*dot)(const float* x, const float* y, std::int64_t size);
  void (*scale)(float* x, float factor, std::int64_t size);
  void (*adamw)(const AdamWStep& step, const float* g, std::int64_t size, float* w, float* m,
                float* v);
};

const RowOps& row_ops();

}  // namespace memagent
