// What the kernels of cuda_rows.cu and cuda_heads.cu share: rows in pieces of 16 bytes, sums over
// lanes, and launches by type and size. For sources of CUDA only.
#pragma once

#include <cuda_bf16.h>

#include <stdexcept>
#include <string>
#include <type_traits>

#include "train/cuda_rows.h"

namespace memagent::cuda {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xFFFFFFFFU;

inline void check(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(kernel) + ": " + cudaGetErrorString(error));
  }
}

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(ceil_div(count, kThreads));
}

// kCount neighbours of a row, loaded and stored at once.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T at[kCount];
};
template <typename T>
constexpr int kPack = 16 / static_cast<int>(sizeof(T));

__device__ inline float wide(float x) { return x; }
__device__ inline float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
template <typename T>
__device__ T narrow(float x);
template <>
__device__ inline float narrow<float>(float x) {
  return x;
}
template <>
__device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float x) {
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
inline std::int64_t rows_per_part(std::int64_t rows) { return ceil_div(rows, num_row_parts(rows)); }

template <typename T>
const T* as(const void* data) {
  return static_cast<const T*>(data);
}
template <typename T>
T* as(void* data) {
  return static_cast<T*>(data);
}

}  // namespace memagent::cuda
