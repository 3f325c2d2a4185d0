// row_ops.h for CUDA: the parts of a training step that are not matrix products, each one pass over
// its rows where torch's operations make three to eight.
//
// Plain kernels on pointers: nothing here knows of tensors (cuda_ops.h does). All work is put on
// `stream` and not waited for. Sums are float32, whatever the rows are. Calls throw
// std::runtime_error for a launch that the device refuses.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "train/row_ops.h"

namespace memagent::cuda {

enum class RowType { kFloat32, kBFloat16 };

// Sums over rows are made in so many parts, [parts, dim], which the caller adds: the same bits
// every time.
std::int64_t num_row_parts(std::int64_t rows);

// y[r][i] = x[r][i] factor[r] w[i], factor[r] = 1 / sqrt(mean_i x[r][i]^2 + epsilon). x, y
// [rows, dim], w [dim] of `type`; factor [rows] float32.
void rms_norm(RowType type, const void* x, const void* w, float epsilon, std::int64_t rows,
              std::int64_t dim, void* y, float* factor, cudaStream_t stream);
// dw: [num_row_parts(rows), dim] float32, all written.
void rms_norm_backward(RowType type, const void* x, const void* w, const float* factor,
                       const void* dy, std::int64_t rows, std::int64_t dim, void* dx, float* dw,
                       cudaStream_t stream);

// y[r][i] = silu(gate_up[r][i]) gate_up[r][dim + i].
void swiglu(RowType type, const void* gate_up, std::int64_t rows, std::int64_t dim, void* y,
            cudaStream_t stream);
void swiglu_backward(RowType type, const void* gate_up, const void* dy, std::int64_t rows,
                     std::int64_t dim, void* dgate_up, cudaStream_t stream);

// What becomes of a product with the query, key and value matrices: heads of their own, queries and
// keys normed (where norms are given) and turned by the token's angles.
struct HeadsShape {
  std::int64_t tokens;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  bool adjacent;  // pairs (2i, 2i+1), else (i, i + head_dim / 2)
  float epsilon;
};
// Whether the kernels below take heads of this size.
bool takes_heads(RowType type, std::int64_t head_dim);
// qkv [tokens, (heads + 2 kv_heads) head_dim]; query_norm, key_norm [head_dim] or both null;
// cosines, sines [tokens, head_dim / 2]; q [tokens, heads, head_dim], k and v [tokens, kv_heads,
// head_dim].
void split_heads(RowType type, const HeadsShape& shape, const void* qkv, const void* query_norm,
                 const void* key_norm, const void* cosines, const void* sines, void* q, void* k,
                 void* v, cudaStream_t stream);
// dnorms [num_row_parts(tokens), 2, head_dim] float32: of query_norm and key_norm; null without.
void split_heads_backward(RowType type, const HeadsShape& shape, const void* qkv,
                          const void* query_norm, const void* key_norm, const void* cosines,
                          const void* sines, const void* dq, const void* dk, const void* dv,
                          void* dqkv, float* dnorms, cudaStream_t stream);

// Two softmax-weighted sums over different keys become the one over all of them. out, other
// [rows, heads, head_dim]; lse, other_lse [heads, rows] float32, rows of `lse` lse_stride apart:
// the logarithms of the softmaxes' denominators. `out` and both lse receive what holds for all
// keys.
void merge_attention(RowType type, std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                     void* out, float* lse, std::int64_t lse_stride, const void* other,
                     float* other_lse, cudaStream_t stream);

// One step of float32 w, m, v by g. `average` receives average + (1 - average_decay) (w - average)
// unless it is null.
void adamw(const AdamWStep& step, const float* g, std::int64_t size, float* w, float* m, float* v,
           float* average, float average_decay, cudaStream_t stream);

}  // namespace memagent::cuda
