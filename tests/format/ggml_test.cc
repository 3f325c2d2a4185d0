// The packed types against ggml's own reference code, byte for byte: the library inside the npm
// package @node-llama-cpp/linux-x64 (tests/npm) is loaded and asked. Skipped, visibly, only where
// that package is not installed.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/random.h"
#include "format/quant.h"

namespace memagent {
namespace {

const std::string kLibrary = std::string(MEMAGENT_SOURCE_DIR) +
                             "/tests/npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/"
                             "libggml-base.so";

using Quantize = void (*)(const float*, void*, std::int64_t);
using Dequantize = void (*)(const void*, float*, std::int64_t);

struct Functions {
  const char* quantize;
  const char* dequantize;  // null: compared by quantising only
};

Functions functions_of(TensorType type) {
  switch (type) {
    case TensorType::kF16:
      return {"ggml_fp32_to_fp16_row", nullptr};
    case TensorType::kBF16:
      return {"ggml_fp32_to_bf16_row_ref", nullptr};
    case TensorType::kQ8_0:
      return {"quantize_row_q8_0_ref", "dequantize_row_q8_0"};
    case TensorType::kQ4_0:
      return {"quantize_row_q4_0_ref", "dequantize_row_q4_0"};
    case TensorType::kQ4_1:
      return {"quantize_row_q4_1_ref", "dequantize_row_q4_1"};
    case TensorType::kQ5_0:
      return {"quantize_row_q5_0_ref", "dequantize_row_q5_0"};
    case TensorType::kQ5_1:
      return {"quantize_row_q5_1_ref", "dequantize_row_q5_1"};
    case TensorType::kQ4_K:
      return {"quantize_row_q4_K_ref", "dequantize_row_q4_K"};
    case TensorType::kQ5_K:
      return {"quantize_row_q5_K_ref", "dequantize_row_q5_K"};
    case TensorType::kQ6_K:
      return {"quantize_row_q6_K_ref", "dequantize_row_q6_K"};
    case TensorType::kF32:
      break;
  }
  return {nullptr, nullptr};
}

class Ggml : public testing::TestWithParam<TensorType> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kLibrary)) {
      GTEST_SKIP() << "@node-llama-cpp/linux-x64 is not installed in tests/npm";
    }
    library_ = ::dlopen(kLibrary.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << ::dlerror();
  }
  template <typename Function>
  Function find(const char* name) {
    void* symbol = ::dlsym(library_, name);
    EXPECT_NE(symbol, nullptr) << name;
    return reinterpret_cast<Function>(symbol);
  }

  void* library_ = nullptr;
};

constexpr std::size_t kRow = 1024;

std::size_t row_bytes(TensorType type) {
  const BlockSize size = block_size(type);
  return kRow / static_cast<std::size_t>(size.elements) * static_cast<std::size_t>(size.bytes);
}

// Rows of many magnitudes, some sparse, some one-sided, some constant.
std::vector<float> make_row(std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<float> row(kRow);
  const double spread = std::ldexp(1.0, static_cast<int>(seed % 24) - 16);
  for (float& x : row) {
    const double sum = random.uniform() + random.uniform() + random.uniform() - 1.5;
    x = static_cast<float>(spread * sum);
    if (seed % 5 == 1) x = std::fabs(x);
    if (seed % 5 == 2 && random.below(4) != 0) x = 0.0F;
    if (seed % 5 == 3) x = static_cast<float>(spread);
  }
  return row;
}

bool is_k_type(TensorType type) { return block_size(type).elements == 256; }

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST_P(Ggml, QuantizesToTheSameBytes) {
  const TensorType type = GetParam();
  if (functions_of(type).quantize == nullptr) return;
  const auto quantize = find<Quantize>(functions_of(type).quantize);
  double our_error = 0;
  double their_error = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const std::vector<float> row = make_row(seed);
    std::vector<std::byte> ours(row_bytes(type));
    std::vector<std::byte> theirs(row_bytes(type));
    quantize_row(type, row, ours);
    quantize(row.data(), theirs.data(), kRow);
    if (!is_k_type(type)) {
      ASSERT_EQ(ours, theirs) << to_string(type) << " row " << seed;
      continue;
    }
    std::vector<float> back(kRow);
    dequantize_row(type, ours, back);
    our_error += distance(back, row) / distance(row, std::vector<float>(kRow));
    dequantize_row(type, theirs, back);
    their_error += distance(back, row) / distance(row, std::vector<float>(kRow));
  }
  // The K types are plain roundings here, while ggml searches for better scales; the difference
  // must stay small.
  EXPECT_LE(our_error, 1.3 * their_error) << to_string(type);
  if (is_k_type(type)) {
    std::printf("%s: relative error %.5f, ggml's %.5f\n", to_string(type), our_error / 500,
                their_error / 500);
  }
}

TEST_P(Ggml, DequantizesAnyBytesToTheSameFloats) {
  const TensorType type = GetParam();
  if (functions_of(type).dequantize == nullptr) return;
  const auto dequantize = find<Dequantize>(functions_of(type).dequantize);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed);
    std::vector<std::byte> row(row_bytes(type));
    for (std::byte& b : row) b = static_cast<std::byte>(random.below(256));
    std::vector<float> ours(kRow);
    std::vector<float> theirs(kRow);
    dequantize_row(type, row, ours);
    dequantize(row.data(), theirs.data(), kRow);
    for (std::size_t i = 0; i < kRow; ++i) {
      // Random halves include infinities and NaN, where only the kind can be compared.
      if (std::isnan(theirs[i]) && std::isnan(ours[i])) continue;
      ASSERT_EQ(ours[i], theirs[i]) << to_string(type) << " row " << seed << " element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Ggml, testing::ValuesIn(kTensorTypes),
                         [](const auto& type) { return std::string(to_string(type.param)); });

}  // namespace
}  // namespace memagent
