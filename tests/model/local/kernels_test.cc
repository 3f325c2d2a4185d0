// Every table of kernels this machine can run, against reference.cc.
//
// Tolerances: a float sum of n products of magnitude s is off by at most about n * eps * s; the
// integer kernels are compared on activations already rounded to their grid, so the same bound
// holds for them.
#include "model/local/kernels/kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "format/quant.h"
#include "model/local/kernels/pack.h"
#include "model/local/kernels/reference.h"

namespace memagent {
namespace {

constexpr double kEps = 1.2e-7;

std::vector<float> random_values(std::size_t count, std::uint64_t seed, float spread = 1.0F) {
  std::vector<float> values(count);
  RandomStream random(seed);
  for (float& value : values) {
    // A sum of uniforms: near normal, with some spread in magnitude between blocks.
    value =
        spread * static_cast<float>(random.uniform() + random.uniform() + random.uniform() - 1.5);
  }
  return values;
}

struct Stored {
  std::vector<std::byte> bytes;
  TensorView view;
};

Stored stored(TensorType type, std::int64_t columns, std::int64_t inputs, std::uint64_t seed) {
  Stored out;
  const BlockSize block = block_size(type);
  const auto row_bytes = static_cast<std::size_t>(inputs / block.elements * block.bytes);
  out.bytes.resize(row_bytes * static_cast<std::size_t>(columns));
  for (std::int64_t c = 0; c < columns; ++c) {
    const auto row = random_values(static_cast<std::size_t>(inputs),
                                   derive(seed, static_cast<std::uint64_t>(c)));
    quantize_row(type, row,
                 std::span(out.bytes).subspan(static_cast<std::size_t>(c) * row_bytes, row_bytes));
  }
  out.view = {"w", type, {columns, inputs}, out.bytes};
  return out;
}

class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
  OwnedMatrix packed(const TensorView& tensor) const {
    OwnedMatrix matrix(weight_format(tensor.type), tensor.shape[0], tensor.shape[1]);
    pack_panels(kernels(), tensor, 0, matrix.view().panels(), matrix);
    return matrix;
  }
};

std::vector<float> product(const Kernels& kernels, const PackedMatrix& matrix,
                           std::span<const float> x, std::int64_t rows, bool accumulate = false) {
  std::vector<float> out(static_cast<std::size_t>(rows * matrix.columns), accumulate ? 1.0F : NAN);
  if (matrix.format == WeightFormat::kF32 || matrix.format == WeightFormat::kF16 ||
      matrix.format == WeightFormat::kBF16) {
    kernels.matmul_float(matrix, x.data(), rows, 0, matrix.panels(), out.data(), matrix.columns,
                         accumulate);
  } else {
    QuantizedRows quantized;
    quantized.resize(rows, matrix.inputs);
    kernels.quantize_rows(x.data(), matrix.inputs, 0, rows, quantized);
    kernels.matmul_int8(matrix, quantized, 0, matrix.panels(), out.data(), matrix.columns,
                        accumulate);
  }
  return out;
}

TEST_P(KernelsTest, MatmulEqualsReferenceForEveryType) {
  for (const TensorType type :
       {TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kQ8_0, TensorType::kQ4_0,
        TensorType::kQ4_1, TensorType::kQ5_0, TensorType::kQ5_1, TensorType::kQ4_K,
        TensorType::kQ5_K, TensorType::kQ6_K}) {
    const bool integer = block_size(type).elements > 1;
    // Both sides of the panel width and of the tile's rows; one and several blocks.
    for (const std::int64_t columns : {1, 31, 32, 33, 65}) {
      for (const std::int64_t inputs : {256, 512}) {
        for (const std::int64_t rows : {1, 2, 5, 6, 7, 13}) {
          const Stored w = stored(type, columns, inputs, 11);
          const auto x = random_values(static_cast<std::size_t>(rows * inputs), 5);
          const auto seen = integer ? reference::quantize_activations(x) : x;
          const auto expected = reference::matmul(w.view, seen, rows);
          const auto actual = product(kernels(), packed(w.view).view(), x, rows);
          const double bound = kEps * static_cast<double>(inputs) * 1.5 * 1.5;
          for (std::size_t i = 0; i < expected.size(); ++i) {
            ASSERT_NEAR(actual[i], expected[i], bound)
                << kernels().name << " " << to_string(type) << " columns " << columns << " inputs "
                << inputs << " rows " << rows << " at " << i;
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, AccumulateAddsToWhatIsThere) {
  const Stored w = stored(TensorType::kQ8_0, 40, 256, 3);
  const auto x = random_values(3 * 256, 4);
  const auto fresh = product(kernels(), packed(w.view).view(), x, 3);
  const auto added = product(kernels(), packed(w.view).view(), x, 3, true);
  for (std::size_t i = 0; i < fresh.size(); ++i) EXPECT_FLOAT_EQ(added[i], fresh[i] + 1.0F);
}

TEST_P(KernelsTest, RowsDoNotDependOnTheirNeighbours) {
  for (const TensorType type :
       {TensorType::kF32, TensorType::kQ8_0, TensorType::kQ4_K, TensorType::kQ6_K}) {
    const Stored w = stored(type, 70, 512, 3);
    const OwnedMatrix matrix = packed(w.view);
    const auto x = random_values(17 * 512, 4);
    const auto together = product(kernels(), matrix.view(), x, 17);
    for (std::size_t r = 0; r < 17; ++r) {
      const auto alone = product(kernels(), matrix.view(), std::span(x).subspan(r * 512, 512), 1);
      for (std::size_t c = 0; c < 70; ++c)
        ASSERT_EQ(together[r * 70 + c], alone[c]) << to_string(type);
    }
  }
}

TEST_P(KernelsTest, RmsNormAndSiluEqualReference) {
  for (const std::size_t size : {1U, 7U, 8U, 15U, 16U, 17U, 64U, 896U}) {
    const auto x = random_values(size, 1);
    const auto weight = random_values(size, 2);
    std::vector<float> out(size);
    kernels().rms_norm(x.data(), weight.data(), static_cast<std::int64_t>(size), 1e-6F, out.data());
    const auto norm = reference::rms_norm(x, weight, 1e-6);
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(out[i], norm[i], 1e-5) << size;
    kernels().silu_mul(x.data(), weight.data(), static_cast<std::int64_t>(size), out.data());
    const auto silu = reference::silu_mul(x, weight);
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(out[i], silu[i], 1e-6) << size;
  }
}

TEST_P(KernelsTest, SiluOfHugeValuesIsFinite) {
  const std::vector<float> gate{-1e30F, -200.0F, 0.0F, 200.0F, -1000.0F, 1.0F, 2.0F, 3.0F,
                                -1e30F, -200.0F, 0.0F, 200.0F, -1000.0F, 1.0F, 2.0F, 3.0F};
  const std::vector<float> up(16, 1.0F);
  std::vector<float> out(16);
  kernels().silu_mul(gate.data(), up.data(), 16, out.data());
  EXPECT_NEAR(out[1], 0.0F, 1e-30);
  EXPECT_EQ(out[3], 200.0F);
  for (const float value : out) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(KernelsTest, HalfConversionEqualsTheFormats) {
  std::vector<float> x = random_values(64, 9, 3.0F);
  x[0] = 1e6F;
  x[1] = -1e6F;
  x[2] = 1e-6F;
  std::vector<std::uint16_t> out(64 * 3);
  kernels().to_half(x.data(), 64, out.data(), 3);
  EXPECT_EQ(half_to_float(out[0]), 65504.0F);
  EXPECT_EQ(half_to_float(out[3]), -65504.0F);
  // Targets without a conversion instruction truncate: one step below at most.
  const bool exact =
      kernels().name != std::string("SSE4") && kernels().name != std::string("SCALAR");
  for (std::size_t i = 2; i < 64; ++i) {
    EXPECT_LE(float_to_half(x[i]) - out[i * 3], exact ? 0 : 1) << i;
    EXPECT_GE(float_to_half(x[i]) - out[i * 3], 0) << i;
  }
}

TEST_P(KernelsTest, ArgmaxIsTheFirstOfEquals) {
  for (const std::size_t size : {1U, 5U, 16U, 33U, 1000U}) {
    std::vector<float> x(size, -5.0F);
    x[size / 2] = 3.0F;
    x[size - 1] = 3.0F;
    EXPECT_EQ(kernels().argmax(x.data(), static_cast<std::int64_t>(size)),
              static_cast<std::int64_t>(size / 2));
  }
}

TEST_P(KernelsTest, SumExpEqualsDouble) {
  const auto x = random_values(5003, 12, 10.0F);
  const float max = *std::max_element(x.begin(), x.end());
  double expected = 0.0;
  for (const float value : x) expected += std::exp((static_cast<double>(value) - max) * 0.7);
  EXPECT_NEAR(kernels().sum_exp(x.data(), 5003, max, 0.7F) / expected, 1.0, 1e-5);
}

struct Cache {
  std::vector<std::uint16_t> storage;
  std::vector<const std::uint16_t*> key_pages;
  std::vector<const std::uint16_t*> value_pages;
  std::vector<float> keys;  // [length][head_dim], as rounded to f16
  std::vector<float> values;
};

Cache make_cache(std::int64_t length, std::int64_t head_dim) {
  Cache cache;
  const auto pages = static_cast<std::size_t>((length + kPageTokens - 1) / kPageTokens);
  const auto page_size = static_cast<std::size_t>(kPageTokens * head_dim);
  cache.storage.resize(pages * page_size * 2);
  cache.keys = random_values(static_cast<std::size_t>(length * head_dim), 21, 2.0F);
  cache.values = random_values(static_cast<std::size_t>(length * head_dim), 22);
  for (std::size_t p = 0; p < pages; ++p) {
    cache.key_pages.push_back(cache.storage.data() + 2 * p * page_size);
    cache.value_pages.push_back(cache.storage.data() + (2 * p + 1) * page_size);
  }
  for (std::int64_t t = 0; t < length; ++t) {
    for (std::int64_t d = 0; d < head_dim; ++d) {
      const auto from = static_cast<std::size_t>(t * head_dim + d);
      const std::size_t page = 2 * static_cast<std::size_t>(t / kPageTokens) * page_size;
      const std::int64_t slot = t % kPageTokens;
      const std::uint16_t key = float_to_half(cache.keys[from]);
      const std::uint16_t value = float_to_half(cache.values[from]);
      cache.storage[page + static_cast<std::size_t>(d * kPageTokens + slot)] = key;
      cache.storage[page + page_size + static_cast<std::size_t>(slot * head_dim + d)] = value;
      cache.keys[from] = half_to_float(key);
      cache.values[from] = half_to_float(value);
    }
  }
  return cache;
}

std::vector<std::vector<float>> attend(const Kernels& kernels, const Cache& cache,
                                       std::int64_t head_dim,
                                       const std::vector<std::vector<float>>& queries,
                                       const std::vector<std::int32_t>& lengths) {
  std::vector<std::vector<float>> outputs(queries.size(),
                                          std::vector<float>(static_cast<std::size_t>(head_dim)));
  std::vector<const float*> in;
  std::vector<float*> out;
  for (std::size_t r = 0; r < queries.size(); ++r) {
    in.push_back(queries[r].data());
    out.push_back(outputs[r].data());
  }
  std::vector<float> scratch(static_cast<std::size_t>(attention_scratch_floats(head_dim)));
  AttentionJob job{.key_pages = cache.key_pages.data(),
                   .value_pages = cache.value_pages.data(),
                   .head_dim = static_cast<std::int32_t>(head_dim),
                   .rows = static_cast<std::int32_t>(queries.size()),
                   .queries = in.data(),
                   .outputs = out.data(),
                   .lengths = lengths.data()};
  kernels.attention(job, scratch.data());
  return outputs;
}

TEST_P(KernelsTest, AttentionEqualsReference) {
  for (const std::int64_t head_dim : {16, 32, 64, 80, 128}) {
    for (const std::int32_t rows : {1, 2, 6, 7, 48}) {
      const std::int64_t length = 200;
      const Cache cache = make_cache(length, head_dim);
      std::vector<std::vector<float>> queries;
      std::vector<std::int32_t> lengths;
      for (std::int32_t r = 0; r < rows; ++r) {
        queries.push_back(random_values(static_cast<std::size_t>(head_dim),
                                        40 + static_cast<std::uint64_t>(r), 0.3F));
        // Both sides of the page size, one key alone, and all.
        constexpr std::int32_t kLengths[] = {1, 63, 64, 65, 128, 129, 200};
        lengths.push_back(kLengths[r % 7]);
      }
      const auto actual = attend(kernels(), cache, head_dim, queries, lengths);
      for (std::size_t r = 0; r < queries.size(); ++r) {
        const auto expected =
            reference::attention(queries[r], cache.keys, cache.values, lengths[r]);
        for (std::size_t d = 0; d < expected.size(); ++d) {
          ASSERT_NEAR(actual[r][d], expected[d], 2e-5)
              << kernels().name << " head_dim " << head_dim << " rows " << rows << " row " << r;
        }
      }
    }
  }
}

TEST_P(KernelsTest, AttentionRowsDoNotDependOnTheirNeighbours) {
  const Cache cache = make_cache(150, 64);
  std::vector<std::vector<float>> queries;
  std::vector<std::int32_t> lengths;
  for (std::int32_t r = 0; r < 20; ++r) {
    queries.push_back(random_values(64, 70 + static_cast<std::uint64_t>(r)));
    lengths.push_back(r * 7 + 1);
  }
  const auto together = attend(kernels(), cache, 64, queries, lengths);
  for (std::size_t r = 0; r < 20; ++r) {
    EXPECT_EQ(attend(kernels(), cache, 64, {queries[r]}, {lengths[r]})[0], together[r]) << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, KernelsTest, ::testing::ValuesIn(all_kernels()),
                         [](const auto& table) { return std::string(table.param->name); });

}  // namespace
}  // namespace memagent
