// The packed types against values worked out by hand, against exhaustive properties of IEEE halves,
// and against bounds that follow from each type's step.
#include "format/quant.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"

namespace memagent {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Block {
 public:
  explicit Block(TensorType type)
      : type_(type), bytes_(static_cast<std::size_t>(block_size(type).bytes)) {}
  void put(std::size_t at, int byte) { bytes_[at] = static_cast<std::byte>(byte); }
  void put_half(std::size_t at, std::uint16_t half) {
    put(at, half & 255);
    put(at + 1, half >> 8);
  }
  std::vector<float> values() const {
    std::vector<float> out(static_cast<std::size_t>(block_size(type_).elements));
    dequantize_row(type_, bytes_, out);
    return out;
  }

 private:
  TensorType type_;
  std::vector<std::byte> bytes_;
};

constexpr std::uint16_t kHalfOne = 0x3C00;   // 1.0
constexpr std::uint16_t kHalfTwo = 0x4000;   // 2.0
constexpr std::uint16_t kHalfHalf = 0x3800;  // 0.5

TEST(Half, KnownValues) {
  // From the IEEE 754 binary16 definition.
  EXPECT_EQ(half_to_float(0x3C01), 1.0009765625F);
  EXPECT_EQ(half_to_float(0x7BFF), 65504.0F);
  EXPECT_EQ(half_to_float(0x0001), 0x1.0p-24F);
  EXPECT_EQ(half_to_float(0x03FF), 1023 * 0x1.0p-24F);
  EXPECT_EQ(half_to_float(0xC000), -2.0F);
  EXPECT_EQ(half_to_float(0x7C00), kInfinity);
  EXPECT_EQ(float_to_half(65519.0F), 0x7BFF);  // below the midpoint to the next power of two
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(-kInfinity), 0xFC00);
  EXPECT_EQ(float_to_half(0x1.0p-25F), 0x0000);  // a tie, to even
  EXPECT_EQ(float_to_half(0x1.8p-24F), 0x0002);  // a tie, to even
  EXPECT_TRUE(std::isnan(half_to_float(float_to_half(std::nanf("")))));
}

TEST(Half, EveryHalfSurvivesAndEveryMidpointGoesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    ASSERT_EQ(float_to_half(value), half);
    ASSERT_EQ(float_to_half(-value), half | 0x8000);
    if (bits == 0x7BFF) continue;
    const float next = half_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = 0.5F * (value + next);  // exact: one more bit than a half has
    const auto even = static_cast<std::uint16_t>(bits + (bits & 1));
    ASSERT_EQ(float_to_half(middle), even) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0F)), half) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, kInfinity)), bits + 1) << bits;
  }
}

TEST(Bfloat16, RoundsToNearestEven) {
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // tie, to even
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // tie, to even
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x7F7FFFFFU)), 0x7F80);  // overflows
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001U)))));
  EXPECT_EQ(bfloat16_to_float(0xC040), -3.0F);
}

// In what follows the expected values are written out from the layouts in ggml's documentation of
// the types, on blocks with few non-zero fields.

TEST(Dequantize, Q8_0) {
  Block block(TensorType::kQ8_0);
  block.put_half(0, kHalfHalf);
  block.put(2, 0x80);
  block.put(33, 3);
  const auto x = block.values();
  EXPECT_EQ(x[0], -64.0F);
  EXPECT_EQ(x[1], 0.0F);
  EXPECT_EQ(x[31], 1.5F);
}

TEST(Dequantize, Q4_0AndQ4_1) {
  Block q4_0(TensorType::kQ4_0);
  q4_0.put_half(0, kHalfTwo);
  q4_0.put(2, 0xF1);  // element 0: 1 - 8, element 16: 15 - 8
  EXPECT_EQ(q4_0.values()[0], -14.0F);
  EXPECT_EQ(q4_0.values()[16], 14.0F);
  EXPECT_EQ(q4_0.values()[1], -16.0F);

  Block q4_1(TensorType::kQ4_1);
  q4_1.put_half(0, kHalfTwo);
  q4_1.put_half(2, kHalfHalf);
  q4_1.put(4 + 15, 0x3A);  // element 15: 10, element 31: 3
  EXPECT_EQ(q4_1.values()[15], 20.5F);
  EXPECT_EQ(q4_1.values()[31], 6.5F);
  EXPECT_EQ(q4_1.values()[0], 0.5F);
}

TEST(Dequantize, Q5_0AndQ5_1) {
  Block q5_0(TensorType::kQ5_0);
  q5_0.put_half(0, kHalfOne);
  q5_0.put(2, 0x01);  // fifth bit of element 0
  q5_0.put(5, 0x80);  // fifth bit of element 31
  q5_0.put(6, 0x02);  // nibble of element 0
  q5_0.put(21, 0x40);
  EXPECT_EQ(q5_0.values()[0], 2.0F);    // 16 + 2 - 16
  EXPECT_EQ(q5_0.values()[31], 4.0F);   // 16 + 4 - 16
  EXPECT_EQ(q5_0.values()[1], -16.0F);  // 0 - 16

  Block q5_1(TensorType::kQ5_1);
  q5_1.put_half(0, kHalfOne);
  q5_1.put_half(2, 0xBC00);  // -1
  q5_1.put(6, 0x01);         // fifth bit of element 16
  EXPECT_EQ(q5_1.values()[16], 15.0F);
  EXPECT_EQ(q5_1.values()[0], -1.0F);
}

TEST(Dequantize, Q4_K) {
  Block block(TensorType::kQ4_K);
  block.put_half(0, kHalfHalf);  // d
  block.put_half(2, kHalfTwo);   // dmin
  block.put(4 + 0, 0xC0 | 5);    // scale of sub-block 0: 5; top bits of scale 4: 3
  block.put(4 + 4, 0x40 | 7);    // minimum of sub-block 0: 7; top bits of minimum 4: 1
  block.put(4 + 8, 0x92);        // scale 4: 2 + 48 = 50; minimum 4: 9 + 16 = 25
  block.put(16, 0x0F);           // element 0: 15, element 32: 0
  block.put(16 + 64, 0x03);      // element 128 (sub-block 4): 3
  const auto x = block.values();
  EXPECT_EQ(x[0], 0.5F * 5 * 15 - 2 * 7);
  EXPECT_EQ(x[1], -14.0F);
  EXPECT_EQ(x[32], 0.0F);
  EXPECT_EQ(x[128], 0.5F * 50 * 3 - 2 * 25);
  EXPECT_EQ(x[159], -50.0F);
}

TEST(Dequantize, Q5_K) {
  Block block(TensorType::kQ5_K);
  block.put_half(0, kHalfOne);
  block.put(4 + 1, 2);        // scale of sub-block 1
  block.put(4 + 11, 0x03);    // scale of sub-block 7
  block.put(16 + 31, 0x82);   // fifth bits of the last elements of sub-blocks 1 and 7
  block.put(48 + 31, 0x10);   // element 63: nibble 1
  block.put(48 + 127, 0xF0);  // element 255: nibble 15
  const auto x = block.values();
  EXPECT_EQ(x[63], 2.0F * 17);
  EXPECT_EQ(x[255], 3.0F * 31);
  EXPECT_EQ(x[62], 0.0F);
}

TEST(Dequantize, Q6_K) {
  Block block(TensorType::kQ6_K);
  block.put_half(208, kHalfHalf);
  for (std::size_t sub = 0; sub < 16; ++sub) block.put(192 + sub, static_cast<int>(sub) + 1);
  block.put(192 + 15, 0xFF);      // -1
  block.put(0, 0x2F);             // element 0: 15, element 64: 2
  block.put(128, 0b10'01'00'11);  // top pairs of elements 0, 32, 64, 96: 3, 0, 1, 2
  block.put(127, 0x50);           // element 255: 5
  const auto x = block.values();
  EXPECT_EQ(x[0], 0.5F * 1 * (15 + 48 - 32));
  EXPECT_EQ(x[32], 0.5F * 3 * (0 - 32));
  EXPECT_EQ(x[64], 0.5F * 5 * (2 + 16 - 32));
  EXPECT_EQ(x[96], 0.5F * 7 * (0 + 32 - 32));
  EXPECT_EQ(x[255], 0.5F * -1 * (5 - 32));
}

// The largest error a type may make on 256 values in [-1, 1], by arithmetic on its step. `half`
// is the relative rounding of a half, 2^-11.
double error_bound(TensorType type) {
  const double half = 0x1.0p-11;
  switch (type) {
    case TensorType::kF32:
      return 0;
    case TensorType::kF16:
      return half;
    case TensorType::kBF16:
      return 0x1.0p-8;
    case TensorType::kQ8_0:  // half a step of 1/127, the scale rounded
      return 0.5 / 127 + half + 1e-6;
    case TensorType::kQ4_0:  // a whole step of 1/8 where +1 is clipped at level 15
      return 1.0 / 8 + half + 1e-6;
    case TensorType::kQ5_0:
      return 1.0 / 16 + half + 1e-6;
    case TensorType::kQ4_1:  // half a step of 2/15, scale and minimum rounded
      return 1.0 / 15 + 3 * half + 1e-6;
    case TensorType::kQ5_1:
      return 1.0 / 31 + 3 * half + 1e-6;
    case TensorType::kQ4_K:    // and scale and minimum in 63rds of the largest: half a 63rd of
    case TensorType::kQ5_K: {  // 2/15 times level 15, and of 1
      const double levels = type == TensorType::kQ4_K ? 15 : 31;
      return 1.0 / levels * (1 + 0.5 / 63) + 1.0 / 63 + 0.5 / 63 + 4 * half;
    }
    // A step of 1/32 clipped at +1; the scale in 128ths of the largest, clipped at +128, so a whole
    // 128th off at worst.
    case TensorType::kQ6_K:
      return 1.0 / 32 + 1.0 / 128 + 2 * half;
  }
  return 0;
}

std::vector<float> random_row(std::uint64_t seed, std::size_t size, double spread) {
  RandomStream random(seed);
  std::vector<float> row(size);
  for (float& x : row) x = static_cast<float>(spread * (2 * random.uniform() - 1));
  return row;
}

std::vector<std::byte> pack(TensorType type, std::span<const float> row) {
  const BlockSize size = block_size(type);
  std::vector<std::byte> packed(row.size() / static_cast<std::size_t>(size.elements) *
                                static_cast<std::size_t>(size.bytes));
  quantize_row(type, row, packed);
  return packed;
}

class EveryType : public testing::TestWithParam<TensorType> {};

TEST_P(EveryType, ErrorStaysWithinTheStep) {
  const double bound = error_bound(GetParam());
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const double spread = std::ldexp(1.0, static_cast<int>(seed % 8) - 6);
    auto row = random_row(seed, 512, spread);
    row[3] = static_cast<float>(spread);
    row[7] = static_cast<float>(-spread);
    std::vector<float> back(row.size());
    dequantize_row(GetParam(), pack(GetParam(), row), back);
    for (std::size_t i = 0; i < row.size(); ++i) {
      ASSERT_LE(std::fabs(back[i] - row[i]), bound * spread)
          << to_string(GetParam()) << " seed " << seed << " element " << i << ": " << row[i]
          << " became " << back[i];
    }
  }
}

TEST_P(EveryType, BlocksOf32AgreeWithFloats) {
  if (block_size(GetParam()).elements == 1) return;
  const auto row = random_row(5, 1024, 0.3);
  const auto packed = pack(GetParam(), row);
  std::vector<float> floats(row.size());
  dequantize_row(GetParam(), packed, floats);
  for (std::size_t index = 0; index < row.size() / 32; ++index) {
    const QuantBlock32 block = read_block32(GetParam(), packed, index);
    for (std::size_t i = 0; i < 32; ++i) {
      const float scale = i < 16 ? block.scale : block.scale_high;
      ASSERT_EQ(floats[32 * index + i], scale * static_cast<float>(block.q[i]) + block.offset);
    }
  }
}

TEST_P(EveryType, ZerosAndConstantsAndNoise) {
  const std::vector<float> zeros(256, 0.0F);
  std::vector<float> back(256, 1.0F);
  dequantize_row(GetParam(), pack(GetParam(), zeros), back);
  for (const float x : back) EXPECT_EQ(x, 0.0F);
  // A vector of one value whose binary fraction is short is exact in every type but the K ones,
  // where the value is a rounded half times 63.
  for (const float value : {1.0F, -1.0F}) {
    const std::vector<float> constant(256, value);
    dequantize_row(GetParam(), pack(GetParam(), constant), back);
    for (const float x : back) EXPECT_NEAR(x, value, 1.0 / 127);
  }
  // Values nobody should store give some encoding, not undefined behaviour.
  const std::vector<float> wild = [] {
    std::vector<float> row(256, 1e30F);
    row[0] = kInfinity;
    row[40] = -kInfinity;
    row[80] = std::nanf("");
    return row;
  }();
  pack(GetParam(), wild);
}

TEST_P(EveryType, BlockSizesAreWhatGgufSays) {
  // Bits per element as published for each type.
  const BlockSize size = block_size(GetParam());
  const double bits = 8.0 * size.bytes / size.elements;
  const double expected[] = {32, 16, 16, 8.5, 4.5, 5, 5.5, 6, 4.5, 5.5, 6.5625};
  EXPECT_EQ(bits, expected[static_cast<int>(GetParam())]);
  EXPECT_EQ(parse_tensor_type(to_string(GetParam())), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Types, EveryType, testing::ValuesIn(kTensorTypes),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST(Quantize, Q8_0ByHand) {
  // The extreme is 12.7, so the step is 0.1 and the half nearest to it is 0x2E66.
  std::vector<float> row(32, 0.0F);
  row[0] = -12.7F;
  row[1] = 0.55F;
  row[31] = 6.35F;
  const auto packed = pack(TensorType::kQ8_0, row);
  EXPECT_EQ(packed[0], std::byte{0x66});
  EXPECT_EQ(packed[1], std::byte{0x2E});
  EXPECT_EQ(static_cast<std::int8_t>(packed[2]), -127);
  EXPECT_NEAR(static_cast<std::int8_t>(packed[3]), 5.5, 0.5);
  EXPECT_NEAR(static_cast<std::int8_t>(packed[33]), 63.5, 0.5);
}

TEST(Quantize, Q4_0ByHand) {
  // The extreme is +8, so the step is -1: level = 8 - x.
  std::vector<float> row(32, 0.0F);
  row[0] = 8.0F;
  row[1] = -8.0F;  // level 16, held at 15
  row[16] = 3.0F;
  const auto packed = pack(TensorType::kQ4_0, row);
  EXPECT_EQ(packed[0], std::byte{0x00});
  EXPECT_EQ(packed[1], std::byte{0xBC});  // -1.0
  EXPECT_EQ(packed[2], std::byte{0x50});  // 0 and 5
  EXPECT_EQ(packed[3], std::byte{0x8F});  // 15 and 8
}

TEST(TensorType, NamesInEitherCase) {
  EXPECT_EQ(parse_tensor_type("q4_k"), TensorType::kQ4_K);
  EXPECT_EQ(parse_tensor_type("Q4_K_M"), std::nullopt);
  EXPECT_EQ(parse_tensor_type(""), std::nullopt);
}

}  // namespace
}  // namespace memagent
