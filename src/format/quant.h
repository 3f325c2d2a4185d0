// Tensor rows to float and back, one plain implementation per type: the definition of the formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "format/tensor_type.h"

namespace memagent {

// `row` holds out.size() elements of `type` in whole blocks.
void dequantize_row(TensorType type, std::span<const std::byte> row, std::span<float> out);
// Any type, rounding to nearest. F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 equal ggml's
// reference quantisers byte for byte; the K types are plain roundings without ggml's search for
// better scales.
void quantize_row(TensorType type, std::span<const float> values, std::span<std::byte> row);

// 32 consecutive elements of a quantised row as integers, exactly:
//   element[i] = scale * q[i] + offset
// Q6_K has two scales per 32 elements: element[i] = scale * q[i] for i < 16, scale_high * q[i]
// after.
struct QuantBlock32 {
  std::int8_t q[32];
  float scale;
  float scale_high;  // equal to `scale` except for Q6_K
  float offset;      // 0 except for Q4_1, Q5_1, Q4_K, Q5_K
};
// Block `index` (of 32 elements) of a row of any of the quantised types.
QuantBlock32 read_block32(TensorType type, std::span<const std::byte> row, std::size_t index);

float half_to_float(std::uint16_t half);
std::uint16_t float_to_half(float value);  // to nearest, ties to even
float bfloat16_to_float(std::uint16_t value);
std::uint16_t float_to_bfloat16(float value);  // to nearest, ties to even

}  // namespace memagent
