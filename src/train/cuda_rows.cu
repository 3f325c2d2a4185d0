#include <cuda_bf16.h>

#include <stdexcept>
#include <string>
#include <type_traits>

#include "train/cuda_rows.h"

namespace memagent::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xFFFFFFFFU;
constexpr std::int64_t kMostParts = 512;
constexpr std::int64_t kRowsPerPart = 64;  // at least

void check(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(kernel) + ": " + cudaGetErrorString(error));
  }
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
unsigned blocks_for(std::int64_t count) { return static_cast<unsigned>(ceil_div(count, kThreads)); }

// kCount neighbours of a row, loaded and stored at once.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T at[kCount];
};
template <typename T>
constexpr int kPack = 16 / static_cast<int>(sizeof(T));

__device__ float wide(float x) { return x; }
__device__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
template <typename T>
__device__ T narrow(float x);
template <>
__device__ float narrow<float>(float x) {
  return x;
}
template <>
__device__ __nv_bfloat16 narrow<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

template <int kLanes>
__device__ float sum_of_lanes(float x) {
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) {
    x += __shfl_xor_sync(kAllLanes, x, offset, kLanes);
  }
  return x;
}

template <typename T>
using Constant = const T* __restrict__;

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

// Of a head, a lane holds kCount neighbours, and kLanes lanes hold all. This lane's own turned, or
// turned back.
template <int kCount, int kLanes, typename T>
__device__ void turn(float (&x)[kCount], Constant<T> cosines, Constant<T> sines, int lane,
                     bool adjacent, bool back) {
  if (adjacent) {
#pragma unroll
    for (int j = 0; j < kCount; j += 2) {
      const int pair = (lane * kCount + j) / 2;
      const float c = wide(cosines[pair]);
      const float s = back ? -wide(sines[pair]) : wide(sines[pair]);
      const float a = x[j];
      const float b = x[j + 1];
      x[j] = a * c - b * s;
      x[j + 1] = a * s + b * c;
    }
    return;
  }
  const bool first_half = lane < kLanes / 2;
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    const float partner = __shfl_xor_sync(kAllLanes, x[j], kLanes / 2, kLanes);
    const int pair = lane % (kLanes / 2) * kCount + j;
    const float c = wide(cosines[pair]);
    const float s = back ? -wide(sines[pair]) : wide(sines[pair]);
    x[j] = first_half ? x[j] * c - partner * s : partner * s + x[j] * c;
  }
}

// kLanes lanes for each head of each token.
template <typename T, int kCount, int kLanes>
__global__ void split_heads_kernel(HeadsShape shape, Constant<T> qkv, Constant<T> query_norm,
                                   Constant<T> key_norm, Constant<T> cosines, Constant<T> sines,
                                   T* __restrict__ q, T* __restrict__ k, T* __restrict__ v) {
  using P = Pack<T, kCount>;
  const std::int64_t all = shape.heads + 2 * shape.kv_heads;
  const std::int64_t index = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kLanes;
  // A warp's lanes all stay until its last exchange.
  const bool there = index < shape.tokens * all;
  const std::int64_t token = there ? index / all : 0;
  const std::int64_t head = there ? index % all : 0;
  const int lane = threadIdx.x % kLanes;
  const std::int64_t dim = shape.head_dim;
  const P in = *reinterpret_cast<const P*>(qkv + (token * all + head) * dim + lane * kCount);
  const bool is_query = head < shape.heads;
  const bool is_value = head >= shape.heads + shape.kv_heads;
  float x[kCount];
  float squares = 0;
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    x[j] = wide(in.at[j]);
    squares += x[j] * x[j];
  }
  squares = sum_of_lanes<kLanes>(squares);
  const T* weight = is_query ? query_norm : key_norm;
  if (weight != nullptr) {
    const float c = rsqrtf(squares / static_cast<float>(dim) + shape.epsilon);
#pragma unroll
    for (int j = 0; j < kCount; ++j) x[j] *= c * wide(weight[lane * kCount + j]);
  }
  turn<kCount, kLanes, T>(x, cosines + token * dim / 2, sines + token * dim / 2, lane,
                          shape.adjacent, false);
  if (!there) return;
  P out = in;
  if (!is_value) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) out.at[j] = narrow<T>(x[j]);
  }
  T* to = is_query   ? q + (token * shape.heads + head) * dim
          : is_value ? v + (token * shape.kv_heads + head - shape.heads - shape.kv_heads) * dim
                     : k + (token * shape.kv_heads + head - shape.heads) * dim;
  *reinterpret_cast<P*>(to + lane * kCount) = out;
}

// A block for a part of the tokens: a lane always has the same places of a head, and keeps its sums
// for the norms.
template <typename T, int kCount, int kLanes>
__global__ void split_heads_backward_kernel(HeadsShape shape, std::int64_t tokens_per_part,
                                            Constant<T> qkv, Constant<T> query_norm,
                                            Constant<T> key_norm, Constant<T> cosines,
                                            Constant<T> sines, Constant<T> dq, Constant<T> dk,
                                            Constant<T> dv, T* __restrict__ dqkv,
                                            float* __restrict__ dnorms) {
  using P = Pack<T, kCount>;
  constexpr int kGroups = kThreads / kLanes;
  __shared__ float sums[kGroups][kLanes * kCount];
  const std::int64_t all = shape.heads + 2 * shape.kv_heads;
  const std::int64_t dim = shape.head_dim;
  const int lane = threadIdx.x % kLanes;
  const int group = threadIdx.x / kLanes;
  const std::int64_t first = std::int64_t{blockIdx.x} * tokens_per_part * all;
  const std::int64_t last = min(first + tokens_per_part * all, shape.tokens * all);
  float query_sums[kCount] = {};
  float key_sums[kCount] = {};
  for (std::int64_t at = first; at < last; at += kGroups) {
    const bool there = at + group < last;
    const std::int64_t index = there ? at + group : first;
    const std::int64_t token = index / all;
    const std::int64_t head = index % all;
    const bool is_query = head < shape.heads;
    const bool is_value = head >= shape.heads + shape.kv_heads;
    const T* from = is_query ? dq + (token * shape.heads + head) * dim
                    : is_value
                        ? dv + (token * shape.kv_heads + head - shape.heads - shape.kv_heads) * dim
                        : dk + (token * shape.kv_heads + head - shape.heads) * dim;
    const P din = *reinterpret_cast<const P*>(from + lane * kCount);
    const P in = *reinterpret_cast<const P*>(qkv + index * dim + lane * kCount);
    float d[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) d[j] = wide(din.at[j]);
    turn<kCount, kLanes, T>(d, cosines + token * dim / 2, sines + token * dim / 2, lane,
                            shape.adjacent, true);
    float squares = 0;
    float total = 0;
    const T* weight = is_query ? query_norm : key_norm;
    const bool normed = weight != nullptr && !is_value;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float x = wide(in.at[j]);
      squares += x * x;
      if (normed) total += d[j] * wide(weight[lane * kCount + j]) * x;
    }
    squares = sum_of_lanes<kLanes>(squares);
    total = sum_of_lanes<kLanes>(total);
    if (normed) {
      const float c = rsqrtf(squares / static_cast<float>(dim) + shape.epsilon);
      const float back = total * c * c * c / static_cast<float>(dim);
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const float x = wide(in.at[j]);
        const float sum = there ? d[j] * x * c : 0.0F;
        if (is_query) {
          query_sums[j] += sum;
        } else {
          key_sums[j] += sum;
        }
        d[j] = c * d[j] * wide(weight[lane * kCount + j]) - x * back;
      }
    }
    if (!there) continue;
    P out = din;
    if (!is_value) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) out.at[j] = narrow<T>(d[j]);
    }
    *reinterpret_cast<P*>(dqkv + index * dim + lane * kCount) = out;
  }
  if (dnorms == nullptr) return;
  for (int which = 0; which < 2; ++which) {
    __syncthreads();
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      sums[group][lane * kCount + j] = which == 0 ? query_sums[j] : key_sums[j];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < kLanes * kCount; i += kThreads) {
      float sum = 0;
      for (int g = 0; g < kGroups; ++g) sum += sums[g][i];
      dnorms[(std::int64_t{blockIdx.x} * 2 + which) * dim + i] = sum;
    }
  }
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

__global__ void adamw_kernel(AdamW step, Constant<float> g, std::int64_t size,
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

// Calls launch(T()) for the type that rows are of.
template <typename Launch>
void with_type(RowType type, const Launch& launch) {
  if (type == RowType::kFloat32) {
    launch(float());
  } else {
    launch(__nv_bfloat16());
  }
}

template <int kValue>
using Number = std::integral_constant<int, kValue>;

// Calls launch(Number()) of as many neighbours at once as rows of `dim` allow.
template <typename T, typename Launch>
void with_pack(std::int64_t dim, const Launch& launch) {
  if (dim % kPack<T> == 0) {
    launch(Number<kPack<T>>());
  } else {
    launch(Number<1>());
  }
}

// Calls launch(Number()) of the lanes that hold a head. False where none do.
template <typename T, typename Launch>
bool with_lanes(std::int64_t head_dim, const Launch& launch) {
  if (head_dim % kPack<T> != 0) return false;
  switch (head_dim / kPack<T>) {
    case 2:
      launch(Number<2>());
      return true;
    case 4:
      launch(Number<4>());
      return true;
    case 8:
      launch(Number<8>());
      return true;
    case 16:
      launch(Number<16>());
      return true;
    case 32:
      launch(Number<32>());
      return true;
    default:
      return false;
  }
}

std::int64_t rows_per_part(std::int64_t rows) { return ceil_div(rows, num_row_parts(rows)); }

template <typename T>
const T* as(const void* data) {
  return static_cast<const T*>(data);
}
template <typename T>
T* as(void* data) {
  return static_cast<T*>(data);
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

bool takes_heads(RowType type, std::int64_t head_dim) {
  bool takes = false;
  with_type(type, [&](auto value) {
    takes = with_lanes<decltype(value)>(head_dim, [](auto /*lanes*/) {});
  });
  return takes;
}

void split_heads(RowType type, const HeadsShape& shape, const void* qkv, const void* query_norm,
                 const void* key_norm, const void* cosines, const void* sines, void* q, void* k,
                 void* v, cudaStream_t stream) {
  const std::int64_t heads = shape.tokens * (shape.heads + 2 * shape.kv_heads);
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_lanes<T>(shape.head_dim, [&](auto lanes) {
      constexpr int kLanes = decltype(lanes)::value;
      split_heads_kernel<T, kPack<T>, kLanes><<<blocks_for(heads * kLanes), kThreads, 0, stream>>>(
          shape, as<T>(qkv), as<T>(query_norm), as<T>(key_norm), as<T>(cosines), as<T>(sines),
          as<T>(q), as<T>(k), as<T>(v));
    });
  });
  check("split_heads");
}

void split_heads_backward(RowType type, const HeadsShape& shape, const void* qkv,
                          const void* query_norm, const void* key_norm, const void* cosines,
                          const void* sines, const void* dq, const void* dk, const void* dv,
                          void* dqkv, float* dnorms, cudaStream_t stream) {
  const auto parts = static_cast<unsigned>(num_row_parts(shape.tokens));
  with_type(type, [&](auto value) {
    using T = decltype(value);
    with_lanes<T>(shape.head_dim, [&](auto lanes) {
      constexpr int kLanes = decltype(lanes)::value;
      split_heads_backward_kernel<T, kPack<T>, kLanes><<<parts, kThreads, 0, stream>>>(
          shape, rows_per_part(shape.tokens), as<T>(qkv), as<T>(query_norm), as<T>(key_norm),
          as<T>(cosines), as<T>(sines), as<T>(dq), as<T>(dk), as<T>(dv), as<T>(dqkv), dnorms);
    });
  });
  check("split_heads_backward");
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

void adamw(const AdamW& step, const float* g, std::int64_t size, float* w, float* m, float* v,
           float* average, float average_decay, cudaStream_t stream) {
  adamw_kernel<<<blocks_for(size), kThreads, 0, stream>>>(step, g, size, w, m, v, average,
                                                          average_decay);
  check("adamw");
}

}  // namespace memagent::cuda
