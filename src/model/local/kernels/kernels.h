// The arithmetic of the engine as a table of functions, one table per instruction set.
//
// Everything here is exchangeable: the engine calls through the table, tests run every table the
// machine supports against reference.cc, and a new instruction set is a new table. Kernels know
// nothing about models, requests or threads; a caller splits work by rows or panels.
//
// Every output element is computed by the same operations in the same order whatever the number of
// rows beside it, so a result never depends on what else is in the batch.
//
// Sources: RMSNorm arXiv 1910.07467; rotary embeddings arXiv 2104.09864; online softmax
// arXiv 1805.02867 as used by FlashAttention, arXiv 2205.14135; SwiGLU arXiv 2002.05202.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace memagent {

inline constexpr int kPanelColumns = 32;  // output columns packed together
inline constexpr int kBlock = 32;         // inputs that share a quantisation scale
inline constexpr int kPageTokens = 64;    // keys and values of one KV cache page

// How the weights of a packed matrix are stored.
enum class WeightFormat {
  kInt8,        // one scale per block
  kInt8Offset,  // and an offset per block (Q4_1, Q5_1, Q4_K, Q5_K)
  kInt8Halves,  // a scale for each half of a block (Q6_K)
  kF32,
  kF16,
  kBF16,
};

// A matrix [columns, inputs] (one row of the file per output column), packed in panels of
// kPanelColumns output columns, the last one padded with zeros.
//
// Integer formats, per panel and block: 32 * 32 weights grouped as the table's `input_group`
// wants them ([kBlock / group][kPanelColumns][group] int8, biased by 128 where group is 4), then
// float scale[kPanelColumns], then for kInt8Offset float offset[kPanelColumns], for kInt8Halves
// float scale_high[kPanelColumns].
// Float formats, per panel: [inputs][kPanelColumns].
struct PackedMatrix {
  WeightFormat format = WeightFormat::kF32;
  std::int64_t columns = 0;
  std::int64_t inputs = 0;          // a multiple of kBlock for the integer formats
  const std::byte* data = nullptr;  // 64-byte aligned; owned by the caller
  std::int64_t panels() const { return (columns + kPanelColumns - 1) / kPanelColumns; }
};
std::int64_t panel_bytes(WeightFormat format, std::int64_t inputs);

// Activations of several rows as integers, one scale per block.
struct QuantizedRows {
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  // [rows][inputs] int8 where the table's input_group is 4, else int16.
  std::vector<std::byte> values;
  std::vector<float> scales;              // [rows][inputs / kBlock]
  std::vector<std::int32_t> corrections;  // [rows][inputs / kBlock]: -128 * sum of values
  std::vector<std::int32_t> sums_low;     // [rows][inputs / kBlock]: the same for the low half
  std::vector<float> sums;                // [rows][inputs / kBlock]: scale * sum of values
  void resize(std::int64_t new_rows, std::int64_t new_inputs);
};

// One attention job: the query rows of one sequence that read the same KV head.
struct AttentionJob {
  // Key and value pages of one layer and KV head, in order: K as [head_dim][kPageTokens] (a row
  // per dimension), V as [kPageTokens][head_dim], both f16.
  const std::uint16_t* const* key_pages = nullptr;
  const std::uint16_t* const* value_pages = nullptr;
  std::int32_t head_dim = 0;  // a multiple of 16
  std::int32_t rows = 0;      // at most kMaxAttentionRows
  // Per row: the query, already scaled, [head_dim] f32; where the result goes, [head_dim] f32; and
  // how many keys it may see (at least 1).
  const float* const* queries = nullptr;
  float* const* outputs = nullptr;
  const std::int32_t* lengths = nullptr;
};
inline constexpr int kMaxAttentionRows = 48;
// Floats of scratch one job needs. The constants are far from the end of int, hence NOLINT.
constexpr std::int64_t attention_scratch_floats(std::int64_t head_dim) {  // NOLINTNEXTLINE
  return 2 * kPageTokens * head_dim + kMaxAttentionRows * (kPageTokens + 2 * head_dim + 4) + 64;
}

struct Kernels {
  const char* name = "";  // "AVX2", "AVX3_DL", ...
  // Consecutive inputs of one column stored together in the integer formats: 4, 2 or 1.
  std::int32_t input_group = 1;

  // Quantises rows [begin, end) of x [rows][inputs] f32 into `out`, already sized.
  void (*quantize_rows)(const float* x, std::int64_t inputs, std::int64_t begin, std::int64_t end,
                        QuantizedRows& out);
  // out[r][c] (+)= sum_k x[r][k] * w[c][k] for the columns of panels [begin, end).
  // `stride`: floats between rows of `out`.
  void (*matmul_int8)(const PackedMatrix& w, const QuantizedRows& x, std::int64_t begin,
                      std::int64_t end, float* out, std::int64_t stride, bool accumulate);
  void (*matmul_float)(const PackedMatrix& w, const float* x, std::int64_t rows, std::int64_t begin,
                       std::int64_t end, float* out, std::int64_t stride, bool accumulate);
  // out[i] = x[i] * weight[i] / sqrt(mean(x^2) + epsilon)
  void (*rms_norm)(const float* x, const float* weight, std::int64_t size, float epsilon,
                   float* out);
  void (*add)(float* x, const float* y, std::int64_t size);  // x += y
  void (*silu_mul)(const float* gate, const float* up, std::int64_t size, float* out);
  void (*attention)(const AttentionJob& job, float* scratch);
  // To f16, clamped to the largest finite value; nearest even where the hardware converts, else
  // truncated. `stride`: elements between outputs.
  void (*to_half)(const float* x, std::int64_t size, std::uint16_t* out, std::int64_t stride);
  // The largest element's index, the lowest of equals; NaN counts as the lowest value.
  std::int64_t (*argmax)(const float* x, std::int64_t size);
  // sum_i exp((x[i] - max) * inverse_temperature), in double.
  double (*sum_exp)(const float* x, std::int64_t size, float max, float inverse_temperature);
};

// The best table this machine can run.
const Kernels& best_kernels();
// Every table this machine can run, best first; for tests and benchmarks.
std::vector<const Kernels*> all_kernels();

}  // namespace memagent
