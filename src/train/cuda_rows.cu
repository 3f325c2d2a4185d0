#include "train/cuda_kernels.cuh"

namespace memagent::cuda {
namespace {

constexpr std::int64_t kMostParts = 512;
constexpr std::int64_t kRowsPerPart = 64;  // at least

// A warp for each row.
template <typename T, int kCount>
__global__ void rms_norm_kernel(Constant<T> x, Constant<T> w, float epsilon, std::int64_t rows,
                                std::int64_t dim, T* __restrict__ y, float* __restrict__ factor) {
  using P = Pack<T, kCount>;
  const std::int64_t row = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kWarp;
  if (row >= rows) return;
  const int lane = threadIdx.x % kWarp;
  const T* from = x + row * dim;
  float squares = 0;
  for (std::int64_t i = lane * kCount; i < dim; i += kWarp * kCount) {
    const P in = *reinterpret_cast<const P*>(from + i);
#pragma unroll
    for (int j = 0; j < kCount; ++j) squares += wide(in.at[j]) * wide(in.at[j]);
  }
  const float c = rsqrtf(sum_of_lanes<kWarp>(squares) / static_cast<float>(dim) + epsilon);
  if (lane == 0) factor[row] = c;
  for (std::int64_t i = lane * kCount; i < dim; i += kWarp * kCount) {
    const P in = *reinterpret_cast<const P*>(from + i);
    const P weight = *reinterpret_cast<const P*>(w + i);
    P out;
#pragma unroll
    for (int j = 0; j < kCount; ++j) out.at[j] = narrow<T>(wide(in.at[j]) * c * wide(weight.at[j]));
    *reinterpret_cast<P*>(y + row * dim + i) = out;
  }
}

template <typename T, int kCount>
__global__ void rms_norm_rows_backward_kernel(Constant<T> x, Constant<T> w, Constant<float> factor,
                                              Constant<T> dy, std::int64_t rows, std::int64_t dim,
                                              T* __restrict__ dx) {
  using P = Pack<T, kCount>;
  const std::int64_t row = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kWarp;
  if (row >= rows) return;
  const int lane = threadIdx.x % kWarp;
  const std::int64_t begin = row * dim;
  float total = 0;
  for (std::int64_t i = lane * kCount; i < dim; i += kWarp * kCount) {
    const P in = *reinterpret_cast<const P*>(x + begin + i);
    const P weight = *reinterpret_cast<const P*>(w + i);
    const P d = *reinterpret_cast<const P*>(dy + begin + i);
#pragma unroll
    for (int j = 0; j < kCount; ++j) total += wide(d.at[j]) * wide(weight.at[j]) * wide(in.at[j]);
  }
  const float c = factor[row];
  const float back = sum_of_lanes<kWarp>(total) * c * c * c / static_cast<float>(dim);
  for (std::int64_t i = lane * kCount; i < dim; i += kWarp * kCount) {
    const P in = *reinterpret_cast<const P*>(x + begin + i);
    const P weight = *reinterpret_cast<const P*>(w + i);
    const P d = *reinterpret_cast<const P*>(dy + begin + i);
    P out;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      out.at[j] = narrow<T>(c * wide(d.at[j]) * wide(weight.at[j]) - wide(in.at[j]) * back);
    }
    *reinterpret_cast<P*>(dx + begin + i) = out;
  }
}

// Columns by threadIdx.x, rows of a part by threadIdx.y.
template <typename T>
__global__ void rms_norm_weight_backward_kernel(Constant<T> x, Constant<float> factor,
                                                Constant<T> dy, std::int64_t rows, std::int64_t dim,
                                                std::int64_t rows_per_part,
                                                float* __restrict__ dw) {
  __shared__ float sums[kThreads / kWarp][kWarp];
  const std::int64_t column = std::int64_t{blockIdx.x} * kWarp + threadIdx.x;
  const std::int64_t first = std::int64_t{blockIdx.y} * rows_per_part;
  const std::int64_t last = min(first + rows_per_part, rows);
  float sum = 0;
  if (column < dim) {
    for (std::int64_t row = first + threadIdx.y; row < last; row += blockDim.y) {
      sum += wide(dy[row * dim + column]) * wide(x[row * dim + column]) * factor[row];
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= dim) return;
  for (int i = 1; i < kThreads / kWarp; ++i) sum += sums[i][threadIdx.x];
  dw[std::int64_t{blockIdx.y} * dim + column] = sum;
}

__device__ float sigmoid(float x) { return 1.0F / (1.0F + __expf(-x)); }

template <typename T, int kCount>
__global__ void swiglu_kernel(Constant<T> gate_up, std::int64_t rows, std::int64_t dim,
                              T* __restrict__ y) {
  using P = Pack<T, kCount>;
  const std::int64_t packs = dim / kCount;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= rows * packs) return;
  const std::int64_t row = index / packs;
  const std::int64_t i = index % packs * kCount;
  const P gate = *reinterpret_cast<const P*>(gate_up + row * 2 * dim + i);
  const P up = *reinterpret_cast<const P*>(gate_up + row * 2 * dim + dim + i);
  P out;
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    const float g = wide(gate.at[j]);
    out.at[j] = narrow<T>(g * sigmoid(g) * wide(up.at[j]));
  }
  *reinterpret_cast<P*>(y + row * dim + i) = out;
}

template <typename T, int kCount>
__global__ void swiglu_backward_kernel(Constant<T> gate_up, Constant<T> dy, std::int64_t rows,
                                       std::int64_t dim, T* __restrict__ dgate_up) {
  using P = Pack<T, kCount>;
  const std::int64_t packs = dim / kCount;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= rows * packs) return;
  const std::int64_t row = index / packs;
  const std::int64_t i = index % packs * kCount;
  const P gate = *reinterpret_cast<const P*>(gate_up + row * 2 * dim + i);
  const P up = *reinterpret_cast<const P*>(gate_up + row * 2 * dim + dim + i);
  const P d = *reinterpret_cast<const P*>(dy + row * dim + i);
  P dgate;
  P dup;
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    const float g = wide(gate.at[j]);
    const float s = sigmoid(g);
    // silu'(g) = s + g s (1 - s)
    dgate.at[j] = narrow<T>(wide(d.at[j]) * wide(up.at[j]) * (s + g * s * (1.0F - s)));
    dup.at[j] = narrow<T>(wide(d.at[j]) * g * s);
  }
  *reinterpret_cast<P*>(dgate_up + row * 2 * dim + i) = dgate;
  *reinterpret_cast<P*>(dgate_up + row * 2 * dim + dim + i) = dup;
}

template <typename T, int kCount>
__global__ void merge_attention_kernel(std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                                       T* __restrict__ out, Constant<float> lse,
                                       std::int64_t lse_stride, Constant<T> other,
                                       Constant<float> other_lse) {
  using P = Pack<T, kCount>;
  const std::int64_t packs = head_dim / kCount;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= rows * heads * packs) return;
  const std::int64_t head = index / packs % heads;
  const std::int64_t row = index / packs / heads;
  const float a = lse[head * lse_stride + row];
  const float b = other_lse[head * rows + row];
  const float weight = 1.0F / (1.0F + __expf(b - a));  // of `out`
  P mine = *reinterpret_cast<const P*>(out + index * kCount);
  const P its = *reinterpret_cast<const P*>(other + index * kCount);
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    mine.at[j] = narrow<T>(wide(mine.at[j]) * weight + wide(its.at[j]) * (1.0F - weight));
  }
  *reinterpret_cast<P*>(out + index * kCount) = mine;
}

__global__ void merge_lse_kernel(std::int64_t rows, std::int64_t heads, float* __restrict__ lse,
                                 std::int64_t lse_stride, float* __restrict__ other) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= rows * heads) return;
  float* mine = lse + index / rows * lse_stride + index % rows;
  const float most = fmaxf(*mine, other[index]);
  const float both = most + logf(expf(*mine - most) + expf(other[index] - most));
  *mine = both;
  other[index] = both;
}

__global__ void adamw_kernel(AdamWStep step, Constant<float> g, std::int64_t size,
                             float* __restrict__ w, float* __restrict__ m, float* __restrict__ v,
                             float* __restrict__ average, float average_decay) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const float scaled = g[i] * step.gradient_scale;
  m[i] = step.beta1 * m[i] + (1.0F - step.beta1) * scaled;
  v[i] = step.beta2 * v[i] + (1.0F - step.beta2) * scaled * scaled;
  const float below = sqrtf(v[i]) / sqrtf(step.correction2) + step.epsilon;
  w[i] = w[i] * (1.0F - step.rate * step.decay) - step.rate / step.correction1 * m[i] / below;
  if (average != nullptr) average[i] += (1.0F - average_decay) * (w[i] - average[i]);
}

}  // namespace

// As many as have rows: with 65 rows and 64 to a part there are 2 parts of 33 and 32.
std::int64_t num_row_parts(std::int64_t rows) {
  const std::int64_t parts = min(kMostParts, ceil_div(rows, kRowsPerPart));
  return ceil_div(rows, ceil_div(rows, parts));
}

void rms_norm(RowType type, const void* x, const void* w, float epsilon, std::int64_t rows,
              std::int64_t dim, void* y, float* factor, cudaStream_t stream) {
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_pack<T>(dim, [&](auto count) {
      constexpr int kCount = decltype(count)::value;
      rms_norm_kernel<T, kCount><<<blocks_for(rows * kWarp), kThreads, 0, stream>>>(
          as<T>(x), as<T>(w), epsilon, rows, dim, as<T>(y), factor);
    });
  });
  check("rms_norm");
}

void rms_norm_backward(RowType type, const void* x, const void* w, const float* factor,
                       const void* dy, std::int64_t rows, std::int64_t dim, void* dx, float* dw,
                       cudaStream_t stream) {
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_pack<T>(dim, [&](auto count) {
      constexpr int kCount = decltype(count)::value;
      rms_norm_rows_backward_kernel<T, kCount><<<blocks_for(rows * kWarp), kThreads, 0, stream>>>(
          as<T>(x), as<T>(w), factor, as<T>(dy), rows, dim, as<T>(dx));
    });
    const dim3 grid(static_cast<unsigned>(ceil_div(dim, kWarp)),
                    static_cast<unsigned>(num_row_parts(rows)));
    rms_norm_weight_backward_kernel<T><<<grid, dim3(kWarp, kThreads / kWarp), 0, stream>>>(
        as<T>(x), factor, as<T>(dy), rows, dim, rows_per_part(rows), dw);
  });
  check("rms_norm_backward");
}

void swiglu(RowType type, const void* gate_up, std::int64_t rows, std::int64_t dim, void* y,
            cudaStream_t stream) {
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_pack<T>(dim, [&](auto count) {
      constexpr int kCount = decltype(count)::value;
      swiglu_kernel<T, kCount><<<blocks_for(rows * dim / kCount), kThreads, 0, stream>>>(
          as<T>(gate_up), rows, dim, as<T>(y));
    });
  });
  check("swiglu");
}

void swiglu_backward(RowType type, const void* gate_up, const void* dy, std::int64_t rows,
                     std::int64_t dim, void* dgate_up, cudaStream_t stream) {
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_pack<T>(dim, [&](auto count) {
      constexpr int kCount = decltype(count)::value;
      swiglu_backward_kernel<T, kCount><<<blocks_for(rows * dim / kCount), kThreads, 0, stream>>>(
          as<T>(gate_up), as<T>(dy), rows, dim, as<T>(dgate_up));
    });
  });
  check("swiglu_backward");
}

void merge_attention(RowType type, std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                     void* out, float* lse, std::int64_t lse_stride, const void* other,
                     float* other_lse, cudaStream_t stream) {
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_pack<T>(head_dim, [&](auto count) {
      constexpr int kCount = decltype(count)::value;
      const std::int64_t packs = rows * heads * head_dim / kCount;
      merge_attention_kernel<T, kCount><<<blocks_for(packs), kThreads, 0, stream>>>(
          rows, heads, head_dim, as<T>(out), lse, lse_stride, as<T>(other), other_lse);
    });
  });
  merge_lse_kernel<<<blocks_for(rows * heads), kThreads, 0, stream>>>(rows, heads, lse, lse_stride,
                                                                      other_lse);
  check("merge_attention");
}

void adamw(const AdamWStep& step, const float* g, std::int64_t size, float* w, float* m, float* v,
           float* average, float average_decay, cudaStream_t stream) {
  adamw_kernel<<<blocks_for(size), kThreads, 0, stream>>>(step, g, size, w, m, v, average,
                                                          average_decay);
  check("adamw");
}

}  // namespace memagent::cuda
