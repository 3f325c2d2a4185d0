#include "train/cuda_kernels.cuh"

namespace memagent::cuda {
namespace {

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

}  // namespace

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

}  // namespace memagent::cuda
