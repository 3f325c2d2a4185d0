// Floats to packed tensor rows.
//
// For F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 the scale, the order of the operations and
// the rounding are those of ggml's reference quantisers, so that files come out byte-equal. Q4_K,
// Q5_K and Q6_K are valid encodings by plain rounding: no search over scales and no importance
// weights, which are what ggml spends its time on; their error is within the type's step all the
// same. The layouts are described in quant.cc.
//
// Values must be finite for the result to mean anything; others give some valid encoding.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "format/quant.h"

namespace memagent {
namespace {

using Values = std::span<const float>;

void put_u16(std::byte* out, std::uint16_t value) {
  out[0] = static_cast<std::byte>(value & 255U);
  out[1] = static_cast<std::byte>(value >> 8);
}

// `value` cut towards zero and held within [low, high]; NaN gives `low`.
int to_int(float value, int low, int high) {
  if (!(value > static_cast<float>(low))) return low;
  if (value >= static_cast<float>(high)) return high;
  return static_cast<int>(value);
}

float inverse(float value) { return value != 0.0F ? 1.0F / value : 0.0F; }

// The element of the largest magnitude, the first of equals.
float extreme(Values x) {
  float best = 0.0F;
  for (const float value : x) {
    if (std::fabs(value) > std::fabs(best)) best = value;
  }
  return best;
}

void put_nibbles(std::byte* out, const int (&q)[32]) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<std::byte>((q[i] & 15) | (q[i + 16] & 15) << 4);
}

void put_fifth_bits(std::byte* out, const int (&q)[32]) {
  std::uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<std::uint32_t>((q[i] >> 4) & 1) << i;
  put_u16(out, static_cast<std::uint16_t>(bits & 0xFFFFU));
  put_u16(out + 2, static_cast<std::uint16_t>(bits >> 16));
}

void quantize_q8_0(Values x, std::byte* block) {
  const float d = std::fabs(extreme(x)) / 127.0F;
  const float per_step = inverse(d);
  put_u16(block, float_to_half(d));
  for (std::size_t i = 0; i < 32; ++i) {
    const int q = to_int(std::round(x[i] * per_step), -128, 127);
    block[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(q));
  }
}

// Q4_0 (levels 16) and Q5_0 (levels 32): the extreme element gets the one level that has no
// opposite.
void quantize_symmetric(Values x, int levels, std::byte* block) {
  const int half = levels / 2;
  const auto middle = static_cast<float>(half);
  const float d = extreme(x) / -middle;
  const float per_step = inverse(d);
  put_u16(block, float_to_half(d));
  int q[32];
  for (std::size_t i = 0; i < 32; ++i) {
    q[i] = to_int(x[i] * per_step + (middle + 0.5F), 0, levels - 1);
  }
  if (levels == 32) put_fifth_bits(block + 2, q);
  put_nibbles(block + (levels == 32 ? 6 : 2), q);
}

// Q4_1 (levels 16) and Q5_1 (levels 32).
void quantize_with_min(Values x, int levels, std::byte* block) {
  const auto [min, max] = std::minmax_element(x.begin(), x.end());
  const float d = (*max - *min) / static_cast<float>(levels - 1);
  const float per_step = inverse(d);
  put_u16(block, float_to_half(d));
  put_u16(block + 2, float_to_half(*min));
  int q[32];
  for (std::size_t i = 0; i < 32; ++i) {
    q[i] = to_int((x[i] - *min) * per_step + 0.5F, 0, levels - 1);
  }
  if (levels == 32) put_fifth_bits(block + 4, q);
  put_nibbles(block + (levels == 32 ? 8 : 4), q);
}

// Nearest integer to value / step within [0, high].
int steps(float value, float step, int high) {
  return to_int(value * inverse(step) + 0.5F, 0, high);
}

// Q4_K (levels 16) and Q5_K (levels 32): x is about scale * q - min, scale and min being 6-bit
// multiples of the block's d and dmin.
void quantize_k45(Values x, int levels, std::byte* block) {
  float scale[8];
  float min[8];
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const Values part = x.subspan(32 * sub, 32);
    const auto [low, high] = std::minmax_element(part.begin(), part.end());
    min[sub] = std::max(0.0F, -*low);  // minima cannot be negative
    scale[sub] = std::max(0.0F, *high + min[sub]) / static_cast<float>(levels - 1);
  }
  const std::uint16_t d_half = float_to_half(*std::max_element(scale, scale + 8) / 63.0F);
  const std::uint16_t dmin_half = float_to_half(*std::max_element(min, min + 8) / 63.0F);
  const float d = half_to_float(d_half);
  const float dmin = half_to_float(dmin_half);
  put_u16(block, d_half);
  put_u16(block + 2, dmin_half);

  std::uint8_t packed[12] = {};
  int q[256];
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const int s = steps(scale[sub], d, 63);
    const int t = steps(min[sub], dmin, 63);
    if (sub < 4) {
      packed[sub] = static_cast<std::uint8_t>(packed[sub] | s);
      packed[sub + 4] = static_cast<std::uint8_t>(packed[sub + 4] | t);
    } else {
      packed[sub + 4] = static_cast<std::uint8_t>((s & 15) | (t & 15) << 4);
      packed[sub - 4] = static_cast<std::uint8_t>(packed[sub - 4] | (s >> 4) << 6);
      packed[sub] = static_cast<std::uint8_t>(packed[sub] | (t >> 4) << 6);
    }
    for (std::size_t i = 32 * sub; i < 32 * sub + 32; ++i) {
      q[i] = steps(x[i] + dmin * static_cast<float>(t), d * static_cast<float>(s), levels - 1);
    }
  }
  std::memcpy(block + 4, packed, 12);
  std::byte* nibbles = block + 16;
  if (levels == 32) {
    for (std::size_t i = 0; i < 32; ++i) {
      int bits = 0;
      for (std::size_t sub = 0; sub < 8; ++sub) bits |= (q[32 * sub + i] >> 4) << sub;
      block[16 + i] = static_cast<std::byte>(bits);
    }
    nibbles = block + 48;
  }
  for (std::size_t i = 0; i < 128; ++i) {
    const std::size_t low = 64 * (i / 32) + i % 32;
    nibbles[i] = static_cast<std::byte>((q[low] & 15) | (q[low + 32] & 15) << 4);
  }
}

void quantize_q6_k(Values x, std::byte* block) {
  float scale[16];
  for (std::size_t sub = 0; sub < 16; ++sub) scale[sub] = extreme(x.subspan(16 * sub, 16)) / -32.0F;
  const std::uint16_t d_half = float_to_half(extreme(scale) / -128.0F);
  const float d = half_to_float(d_half);
  int q[256];
  for (std::size_t sub = 0; sub < 16; ++sub) {
    const int s = to_int(std::round(scale[sub] * inverse(d)), -128, 127);
    block[192 + sub] = static_cast<std::byte>(static_cast<std::int8_t>(s));
    const float per_step = inverse(d * static_cast<float>(s));
    for (std::size_t i = 16 * sub; i < 16 * sub + 16; ++i) {
      q[i] = to_int(x[i] * per_step + 32.5F, 0, 63);
    }
  }
  for (std::size_t i = 0; i < 128; ++i) {  // byte i holds elements `low` and `low + 64`
    const std::size_t low = 128 * (i / 64) + i % 64;
    block[i] = static_cast<std::byte>((q[low] & 15) | (q[low + 64] & 15) << 4);
  }
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t first = 128 * (i / 32) + i % 32;
    int pairs = 0;
    for (std::size_t k = 0; k < 4; ++k) pairs |= (q[first + 32 * k] >> 4) << (2 * k);
    block[128 + i] = static_cast<std::byte>(pairs);
  }
  put_u16(block + 208, d_half);
}

void quantize_block(TensorType type, Values x, std::byte* block) {
  switch (type) {
    case TensorType::kF32:
      std::memcpy(block, x.data(), 4);
      return;
    case TensorType::kF16:
      return put_u16(block, float_to_half(x[0]));
    case TensorType::kBF16:
      return put_u16(block, float_to_bfloat16(x[0]));
    case TensorType::kQ8_0:
      return quantize_q8_0(x, block);
    case TensorType::kQ4_0:
      return quantize_symmetric(x, 16, block);
    case TensorType::kQ4_1:
      return quantize_with_min(x, 16, block);
    case TensorType::kQ5_0:
      return quantize_symmetric(x, 32, block);
    case TensorType::kQ5_1:
      return quantize_with_min(x, 32, block);
    case TensorType::kQ4_K:
      return quantize_k45(x, 16, block);
    case TensorType::kQ5_K:
      return quantize_k45(x, 32, block);
    case TensorType::kQ6_K:
      return quantize_q6_k(x, block);
  }
}

}  // namespace

void quantize_row(TensorType type, std::span<const float> values, std::span<std::byte> row) {
  const auto elements = static_cast<std::size_t>(block_size(type).elements);
  const auto bytes = static_cast<std::size_t>(block_size(type).bytes);
  const std::size_t blocks = values.size() / elements;
  MEMAGENT_CHECK(values.size() % elements == 0 && row.size() == blocks * bytes,
                 "{}: {} elements in {} bytes", to_string(type), values.size(), row.size());
  for (std::size_t block = 0; block < blocks; ++block) {
    quantize_block(type, values.subspan(block * elements, elements), row.data() + block * bytes);
  }
}

}  // namespace memagent
