// Integer and float matrix products and attention, as GFLOP/s on one thread.
//
// The bound is the machine's multiply-add peak for many rows and its memory bandwidth for one.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/random.h"
#include "format/quant.h"
#include "model/local/kernels/kernels.h"
#include "model/local/kernels/pack.h"

namespace memagent {
namespace {

void matmul(benchmark::State& state, TensorType type) {
  const std::int64_t columns = state.range(0);
  const std::int64_t inputs = state.range(1);
  const std::int64_t rows = state.range(2);
  const Kernels& kernels = best_kernels();
  const BlockSize block = block_size(type);
  const auto row_bytes = static_cast<std::size_t>(inputs / block.elements * block.bytes);
  std::vector<std::byte> bytes(row_bytes * static_cast<std::size_t>(columns));
  std::vector<float> row(static_cast<std::size_t>(inputs));
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = static_cast<float>(uniform(static_cast<std::uint64_t>(c), i)) - 0.5F;
    quantize_row(type, row,
                 std::span(bytes).subspan(static_cast<std::size_t>(c) * row_bytes, row_bytes));
  }
  const TensorView tensor{"w", type, {columns, inputs}, bytes};
  OwnedMatrix matrix(weight_format(type), columns, inputs);
  pack_panels(kernels, tensor, 0, matrix.view().panels(), matrix);
  std::vector<float> x(static_cast<std::size_t>(rows * inputs), 0.5F);
  std::vector<float> out(static_cast<std::size_t>(rows * columns));
  QuantizedRows quantized;
  quantized.resize(rows, inputs);
  for (auto _ : state) {
    if (block.elements > 1) {
      kernels.quantize_rows(x.data(), inputs, 0, rows, quantized);
      kernels.matmul_int8(matrix.view(), quantized, 0, matrix.view().panels(), out.data(), columns,
                          false);
    } else {
      kernels.matmul_float(matrix.view(), x.data(), rows, 0, matrix.view().panels(), out.data(),
                           columns, false);
    }
    benchmark::ClobberMemory();
  }
  const auto operations = 2.0 * static_cast<double>(columns * inputs * rows);
  state.counters["GFLOP/s"] = benchmark::Counter(
      operations * static_cast<double>(state.iterations()) / 1e9, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(
      static_cast<double>(matrix.view().panels() * panel_bytes(matrix.view().format, inputs)) *
          static_cast<double>(state.iterations()) / 1e9,
      benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(matmul, Q8_0, TensorType::kQ8_0)
    ->Args({4864, 896, 512})
    ->Args({768, 256, 512})
    ->Args({151936, 256, 1})
    ->Args({4864, 896, 1});
BENCHMARK_CAPTURE(matmul, Q4_K, TensorType::kQ4_K)->Args({4864, 1024, 512});
BENCHMARK_CAPTURE(matmul, Q6_K, TensorType::kQ6_K)->Args({4864, 1024, 512});
BENCHMARK_CAPTURE(matmul, F32, TensorType::kF32)->Args({4864, 896, 512})->Args({4864, 896, 1});
BENCHMARK_CAPTURE(matmul, F16, TensorType::kF16)->Args({4864, 896, 512})->Args({4864, 896, 1});

// `rows` queries over 5,000 keys of one head.
void attention(benchmark::State& state) {
  const auto head_dim = static_cast<std::int32_t>(state.range(0));
  const auto rows = static_cast<std::int32_t>(state.range(1));
  constexpr std::int32_t kLength = 5000;
  constexpr std::int32_t kPages = (kLength + kPageTokens - 1) / kPageTokens;
  const auto page = static_cast<std::size_t>(kPageTokens * head_dim);
  std::vector<std::uint16_t> cache(2 * kPages * page, float_to_half(0.01F));
  std::vector<const std::uint16_t*> keys;
  std::vector<const std::uint16_t*> values;
  for (std::size_t p = 0; p < kPages; ++p) {
    keys.push_back(cache.data() + 2 * p * page);
    values.push_back(cache.data() + (2 * p + 1) * page);
  }
  std::vector<float> query(static_cast<std::size_t>(head_dim), 0.1F);
  std::vector<float> output(static_cast<std::size_t>(head_dim * rows));
  std::vector<const float*> queries(static_cast<std::size_t>(rows), query.data());
  std::vector<float*> outputs;
  for (std::int32_t r = 0; r < rows; ++r) outputs.push_back(output.data() + r * head_dim);
  const std::vector<std::int32_t> lengths(static_cast<std::size_t>(rows), kLength);
  std::vector<float> scratch(static_cast<std::size_t>(attention_scratch_floats(head_dim)));
  const AttentionJob job{keys.data(),    values.data(),  head_dim,      rows,
                         queries.data(), outputs.data(), lengths.data()};
  for (auto _ : state) {
    best_kernels().attention(job, scratch.data());
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(
      4.0 * kLength * head_dim * rows * static_cast<double>(state.iterations()) / 1e9,
      benchmark::Counter::kIsRate);
}
BENCHMARK(attention)->Args({64, 1})->Args({64, 2})->Args({64, 7})->Args({64, 48})->Args({128, 48});

}  // namespace
}  // namespace memagent

BENCHMARK_MAIN();
