// Packed tensor rows to exact integers and floats.
//
// Reading one block of 32 elements into integers, a scale and an offset is the definition of each
// quantised type here; floats follow from it. This file knows nothing about files, tensors or
// speed: kernels have their own code and are tested against this one.
//
// Layouts, in bytes; d, m and dmin are IEEE halves, nibble pairs hold the low half of a block in
// their low bits and the high half in their high bits:
//   Q8_0  34: d, q[32]                          x = d q
//   Q4_0  18: d, nibbles[16]                    x = d (q - 8)
//   Q4_1  20: d, m, nibbles[16]                 x = d q + m
//   Q5_0  22: d, fifth_bits u32, nibbles[16]    x = d (q - 16)
//   Q5_1  24: d, m, fifth_bits u32, nibbles[16] x = d q + m
//   Q4_K 144: d, dmin, scales[12], nibbles[128]              x = d s q - dmin t
//   Q5_K 176: d, dmin, scales[12], fifth[32], nibbles[128]   x = d s q - dmin t
//   Q6_K 210: low_nibbles[128], high_pairs[64], s i8[16], d  x = d s (q - 32)
// In Q4_K and Q5_K each 32 elements have a 6-bit scale s and a 6-bit minimum t (unpack_scale_min),
// and bytes 32k..32k+31 of the nibbles hold block 2k in their low and block 2k+1 in their high
// bits. Q6_K has a scale per 16 elements.
//
// A half times a 7-bit integer times a 6-bit integer fits a float's 24 bits, so `scale * q` below
// is exact and each element is rounded at most once, whether or not the compiler fuses the sum.
#include "format/quant.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace memagent {
namespace {

std::uint8_t byte_at(const std::byte* bytes, std::size_t index) {
  return std::to_integer<std::uint8_t>(bytes[index]);
}

std::uint16_t u16_at(const std::byte* bytes, std::size_t index) {
  return static_cast<std::uint16_t>(byte_at(bytes, index) | (byte_at(bytes, index + 1) << 8));
}

std::uint32_t u32_at(const std::byte* bytes, std::size_t index) {
  return u16_at(bytes, index) | (static_cast<std::uint32_t>(u16_at(bytes, index + 2)) << 16);
}

float half_at(const std::byte* bytes, std::size_t index) {
  return half_to_float(u16_at(bytes, index));
}

// q[i] = nibble i of `nibbles[16]` plus bit i of `fifth_bits` as its fifth bit, less `zero`.
void unpack_nibbles(const std::byte* nibbles, std::uint32_t fifth_bits, int zero,
                    std::int8_t (&q)[32]) {
  for (std::size_t i = 0; i < 16; ++i) {
    const int pair = byte_at(nibbles, i);
    const int low = (pair & 15) | static_cast<int>(((fifth_bits >> i) & 1) << 4);
    const int high = (pair >> 4) | static_cast<int>(((fifth_bits >> (i + 16)) & 1) << 4);
    q[i] = static_cast<std::int8_t>(low - zero);
    q[i + 16] = static_cast<std::int8_t>(high - zero);
  }
}

struct ScaleMin {
  int scale;
  int min;
};

// The twelve bytes hold eight 6-bit scales and eight 6-bit minima: the first four of each in the
// low bits of bytes 0-3 and 4-7; of the last four, the low nibbles in bytes 8-11 (scale low, min
// high) and the top two bits in the top bits of bytes 0-3 (scale) and 4-7 (min).
ScaleMin unpack_scale_min(const std::byte* scales, std::size_t sub) {
  if (sub < 4) return {byte_at(scales, sub) & 63, byte_at(scales, sub + 4) & 63};
  const int low = byte_at(scales, sub + 4);
  return {(low & 15) | ((byte_at(scales, sub - 4) >> 6) << 4),
          (low >> 4) | ((byte_at(scales, sub) >> 6) << 4)};
}

QuantBlock32 block_q8_0(const std::byte* block) {
  QuantBlock32 out{};
  std::memcpy(out.q, block + 2, 32);
  out.scale = out.scale_high = half_at(block, 0);
  return out;
}

// Q4_0, Q4_1, Q5_0 and Q5_1 differ in which of the parts they have.
QuantBlock32 block_simple(const std::byte* block, bool has_min, bool has_fifth) {
  QuantBlock32 out{};
  out.scale = out.scale_high = half_at(block, 0);
  std::size_t at = 2;
  if (has_min) {
    out.offset = half_at(block, at);
    at += 2;
  }
  std::uint32_t fifth_bits = 0;
  if (has_fifth) {
    fifth_bits = u32_at(block, at);
    at += 4;
  }
  const int zero = has_min ? 0 : has_fifth ? 16 : 8;
  unpack_nibbles(block + at, fifth_bits, zero, out.q);
  return out;
}

QuantBlock32 block_k45(const std::byte* block, std::size_t sub, bool has_fifth) {
  QuantBlock32 out{};
  const auto [scale, min] = unpack_scale_min(block + 4, sub);
  out.scale = out.scale_high = half_at(block, 0) * static_cast<float>(scale);
  out.offset = -(half_at(block, 2) * static_cast<float>(min));
  const std::byte* fifth = block + 16;
  const std::byte* nibbles = block + (has_fifth ? 48 : 16) + 32 * (sub / 2);
  for (std::size_t i = 0; i < 32; ++i) {
    int q = (sub % 2 == 0) ? byte_at(nibbles, i) & 15 : byte_at(nibbles, i) >> 4;
    if (has_fifth) q |= ((byte_at(fifth, i) >> sub) & 1) << 4;
    out.q[i] = static_cast<std::int8_t>(q);
  }
  return out;
}

QuantBlock32 block_q6_k(const std::byte* block, std::size_t sub) {
  QuantBlock32 out{};
  const std::size_t half = sub / 4;     // 128 elements each
  const std::size_t quarter = sub % 4;  // 32 elements each
  const std::byte* low = block + 64 * half + 32 * (quarter % 2);
  const std::byte* high = block + 128 + 32 * half;
  for (std::size_t i = 0; i < 32; ++i) {
    const int nibble = quarter < 2 ? byte_at(low, i) & 15 : byte_at(low, i) >> 4;
    const int pair = (byte_at(high, i) >> (2 * quarter)) & 3;
    out.q[i] = static_cast<std::int8_t>((nibble | (pair << 4)) - 32);
  }
  const float d = half_at(block, 208);
  const std::byte* scales = block + 192 + 2 * sub;
  out.scale = d * static_cast<float>(static_cast<std::int8_t>(byte_at(scales, 0)));
  out.scale_high = d * static_cast<float>(static_cast<std::int8_t>(byte_at(scales, 1)));
  return out;
}

}  // namespace

QuantBlock32 read_block32(TensorType type, std::span<const std::byte> row, std::size_t index) {
  const auto [elements, bytes] = block_size(type);
  const std::size_t subs = static_cast<std::size_t>(elements) / 32;
  MEMAGENT_CHECK(subs > 0, "{} is not quantised", to_string(type));
  const std::size_t sub = index % subs;
  const std::size_t at = index / subs * static_cast<std::size_t>(bytes);
  MEMAGENT_DCHECK(at + static_cast<std::size_t>(bytes) <= row.size(), "block {} row bytes {}",
                  index, row.size());
  const std::byte* block = row.data() + at;
  switch (type) {
    case TensorType::kQ8_0:
      return block_q8_0(block);
    case TensorType::kQ4_0:
      return block_simple(block, false, false);
    case TensorType::kQ4_1:
      return block_simple(block, true, false);
    case TensorType::kQ5_0:
      return block_simple(block, false, true);
    case TensorType::kQ5_1:
      return block_simple(block, true, true);
    case TensorType::kQ4_K:
      return block_k45(block, sub, false);
    case TensorType::kQ5_K:
      return block_k45(block, sub, true);
    case TensorType::kQ6_K:
      return block_q6_k(block, sub);
    case TensorType::kF32:
    case TensorType::kF16:
    case TensorType::kBF16:
      break;
  }
  return {};
}

void dequantize_row(TensorType type, std::span<const std::byte> row, std::span<float> out) {
  const auto [elements, bytes] = block_size(type);
  const std::size_t blocks = out.size() / static_cast<std::size_t>(elements);
  MEMAGENT_CHECK(out.size() % static_cast<std::size_t>(elements) == 0 &&
                     row.size() == blocks * static_cast<std::size_t>(bytes),
                 "{}: {} elements in {} bytes", to_string(type), out.size(), row.size());
  switch (type) {
    case TensorType::kF32:
      if (!row.empty()) std::memcpy(out.data(), row.data(), row.size());
      return;
    case TensorType::kF16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = half_at(row.data(), 2 * i);
      return;
    case TensorType::kBF16:
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = bfloat16_to_float(u16_at(row.data(), 2 * i));
      }
      return;
    default:
      break;
  }
  for (std::size_t index = 0; index < out.size() / 32; ++index) {
    const QuantBlock32 block = read_block32(type, row, index);
    float* x = out.data() + 32 * index;
    for (std::size_t i = 0; i < 32; ++i) {
      const float scale = i < 16 ? block.scale : block.scale_high;
      x[i] = scale * static_cast<float>(block.q[i]) + block.offset;
    }
  }
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t magnitude = half & 0x7FFFU;
  if (magnitude >= 0x7C00U) {  // infinity and NaN keep their payload
    return std::bit_cast<float>(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13));
  }
  if (magnitude < 0x400U) {  // zero and subnormals: an integer multiple of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1.0p-24F;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + ((127U - 15U) << 23)));
}

std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);  // NaN
  // 65,520 and more rounds to infinity.
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {
    // Below 2^-14 halves are multiples of 2^-24. Adding 0.5 puts those multiples at the last bit
    // of the sum, so that the float addition does the rounding.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t rebased = magnitude - ((127U - 15U) << 23);
  const std::uint32_t rounded = rebased + 0xFFFU + ((rebased >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | (rounded >> 13));
}

float bfloat16_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

std::uint16_t float_to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
    return static_cast<std::uint16_t>((bits >> 16) | 0x40U);  // a NaN stays one, made quiet
  }
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace memagent
