// Attention of a few query rows over the pages of one KV head; included once per target.
//
// A page is a tile: scores of the rows against its 64 keys, then the running softmax (maximum,
// sum, weighted values), so the score matrix never exists as a whole. Pages are visited in order
// and every row's arithmetic is its own, so the result does not depend on which rows share a job.
// With many rows, a page is widened to f32 once and used by all of them; with few, on the fly.

#if defined(MEMAGENT_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMAGENT_ATTENTION_INL_H_
#undef MEMAGENT_ATTENTION_INL_H_
#else
#define MEMAGENT_ATTENTION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include <cstring>
#include <limits>

#include "model/local/kernels/matmul_float-inl.h"

HWY_BEFORE_NAMESPACE();
namespace memagent {
namespace HWY_NAMESPACE {

// Vectors of columns a tile covers: as many as leave registers for kTileRows rows.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM_A64
inline constexpr int kWideVectors = 4;
#else
inline constexpr int kWideVectors = 2;
#endif

// out[r][c] = out[r][c] * keep[r] + sum_k x[r][k] * m[k][c] for `vectors` vectors from column c0.
// A keep of null means start from zero. m: [depth][columns] of T.
template <int kRows, int kVectors, typename T>
HWY_INLINE void small_product(const float* const* x, std::int64_t depth, const T* m,
                              std::int64_t columns, std::int64_t c0, float* const* out,
                              const float* keep) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  VF32 total[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      total[r][v] = keep == nullptr
                        ? hn::Zero(df)
                        : hn::Mul(hn::LoadU(df, out[r] + c0 + v * lanes), hn::Set(df, keep[r]));
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    VF32 row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = load_float(m + k * columns + c0 + v * lanes);
    for (int r = 0; r < kRows; ++r) {
      const VF32 value = hn::Set(df, x[r][k]);
      for (int v = 0; v < kVectors; ++v) total[r][v] = hn::MulAdd(row[v], value, total[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(total[r][v], df, out[r] + c0 + v * lanes);
  }
}

template <int kRows, typename T>
HWY_NOINLINE void product_columns(const float* const* x, std::int64_t depth, const T* m,
                                  std::int64_t columns, float* const* out, const float* keep) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(DF32()));
  std::int64_t c = 0;
  for (; c + kWideVectors * lanes <= columns; c += kWideVectors * lanes) {
    small_product<kRows, kWideVectors>(x, depth, m, columns, c, out, keep);
  }
  // columns is a multiple of 16, so whole vectors are always left.
  for (; c < columns; c += lanes) small_product<kRows, 1>(x, depth, m, columns, c, out, keep);
}

template <typename T>
void product_rows(const float* const* x, std::int64_t rows, std::int64_t depth, const T* m,
                  std::int64_t columns, float* const* out, const float* keep) {
  for (std::int64_t r = 0; r < rows; r += kTileRows) {
    const float* kept = keep == nullptr ? nullptr : keep + r;
    switch (std::min<std::int64_t>(rows - r, kTileRows)) {
      case 1:
        product_columns<1>(x + r, depth, m, columns, out + r, kept);
        break;
      case 2:
        product_columns<2>(x + r, depth, m, columns, out + r, kept);
        break;
      case 3:
        product_columns<3>(x + r, depth, m, columns, out + r, kept);
        break;
      case 4:
        product_columns<4>(x + r, depth, m, columns, out + r, kept);
        break;
      case 5:
        product_columns<5>(x + r, depth, m, columns, out + r, kept);
        break;
      default:
        product_columns<kTileRows>(x + r, depth, m, columns, out + r, kept);
        break;
    }
  }
}

// Turns a row of scores into weights against the running maximum; returns what earlier sums are
// multiplied with. `valid` keys may be seen; the others get weight zero.
HWY_INLINE float softmax_step(float* scores, std::int32_t valid, float& maximum, float& sum) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  if (valid < kPageTokens) {
    std::fill(scores + std::max(valid, 0), scores + kPageTokens,
              -std::numeric_limits<float>::infinity());
  }
  VF32 largest = hn::Set(df, maximum);
  for (int i = 0; i < kPageTokens; i += static_cast<int>(lanes)) {
    largest = hn::Max(largest, hn::LoadU(df, scores + i));
  }
  const float new_maximum = hn::GetLane(hn::MaxOfLanes(df, largest));
  VF32 total = hn::Zero(df);
  const VF32 shift = hn::Set(df, new_maximum);
  for (int i = 0; i < kPageTokens; i += static_cast<int>(lanes)) {
    const VF32 weight = hn::Exp(df, hn::Sub(hn::LoadU(df, scores + i), shift));
    hn::StoreU(weight, df, scores + i);
    total = hn::Add(total, weight);
  }
  const float keep = std::exp(maximum - new_maximum);
  sum = sum * keep + hn::GetLane(hn::SumOfLanes(df, total));
  maximum = new_maximum;
  return keep;
}

void attention(const AttentionJob& job, float* scratch) {
  const std::int64_t head_dim = job.head_dim;
  const std::int32_t rows = job.rows;
  const bool widen = rows > kTileRows;
  float* keys = scratch;
  float* values = keys + kPageTokens * head_dim;
  float* scores = values + kPageTokens * head_dim;
  float* outputs = scores + kMaxAttentionRows * kPageTokens;

  float maximum[kMaxAttentionRows];
  float sum[kMaxAttentionRows];
  float keep[kMaxAttentionRows];
  const float* score_rows_in[kMaxAttentionRows];
  float* score_rows[kMaxAttentionRows];
  float* output_rows[kMaxAttentionRows];
  std::int32_t longest = 0;
  for (std::int32_t r = 0; r < rows; ++r) {
    maximum[r] = -std::numeric_limits<float>::infinity();
    sum[r] = 0.0F;
    score_rows_in[r] = score_rows[r] = scores + r * kPageTokens;
    output_rows[r] = outputs + r * head_dim;
    std::fill(output_rows[r], output_rows[r] + head_dim, 0.0F);
    longest = std::max(longest, job.lengths[r]);
  }

  for (std::int32_t page = 0; page * kPageTokens < longest; ++page) {
    const auto* half_keys = reinterpret_cast<const hwy::float16_t*>(job.key_pages[page]);
    const auto* half_values = reinterpret_cast<const hwy::float16_t*>(job.value_pages[page]);
    if (widen) {
      const DF32 df;
      const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
      for (std::int64_t i = 0; i < kPageTokens * head_dim; i += lanes) {
        hn::StoreU(load_float(half_keys + i), df, keys + i);
        hn::StoreU(load_float(half_values + i), df, values + i);
      }
      product_rows(job.queries, rows, head_dim, static_cast<const float*>(keys), kPageTokens,
                   score_rows, nullptr);
    } else {
      product_rows(job.queries, rows, head_dim, half_keys, kPageTokens, score_rows, nullptr);
    }
    for (std::int32_t r = 0; r < rows; ++r) {
      keep[r] =
          softmax_step(score_rows[r], job.lengths[r] - page * kPageTokens, maximum[r], sum[r]);
    }
    if (widen) {
      product_rows(score_rows_in, rows, kPageTokens, static_cast<const float*>(values), head_dim,
                   output_rows, keep);
    } else {
      product_rows(score_rows_in, rows, kPageTokens, half_values, head_dim, output_rows, keep);
    }
  }
  for (std::int32_t r = 0; r < rows; ++r) {
    const float inverse = 1.0F / sum[r];
    for (std::int64_t d = 0; d < head_dim; ++d) job.outputs[r][d] = output_rows[r][d] * inverse;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace memagent
HWY_AFTER_NAMESPACE();
#endif  // toggle
