// Products with weights kept in F32, F16 or BF16, accumulated in f32; included once per target.
// One multiply-add per input in input order, whatever the number of rows.

#if defined(MEMAGENT_MATMUL_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMAGENT_MATMUL_FLOAT_INL_H_
#undef MEMAGENT_MATMUL_FLOAT_INL_H_
#else
#define MEMAGENT_MATMUL_FLOAT_INL_H_
#endif

#include "model/local/kernels/matmul_int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace memagent {
namespace HWY_NAMESPACE {

HWY_INLINE VF32 load_float(const float* at) { return hn::LoadU(DF32(), at); }
HWY_INLINE VF32 load_float(const hwy::float16_t* at) {
  return hn::PromoteTo(DF32(), hn::LoadU(hn::Rebind<hwy::float16_t, DF32>(), at));
}
HWY_INLINE VF32 load_float(const hwy::bfloat16_t* at) {
  return hn::PromoteTo(DF32(), hn::LoadU(hn::Rebind<hwy::bfloat16_t, DF32>(), at));
}

template <int kRows, typename T>
HWY_NOINLINE void float_panel(const PackedMatrix& w, std::int64_t panel, const float* x,
                              std::int64_t row, float* out, std::int64_t stride, bool accumulate) {
  const DF32 df;
  const int lanes = static_cast<int>(hn::Lanes(df));
  const T* data = reinterpret_cast<const T*>(w.data) + panel * w.inputs * kPanelColumns;
  for (int column = 0; column < kPanelColumns; column += kTileVectors * lanes) {
    const std::int64_t first = panel * kPanelColumns + column;
    if (first >= w.columns) return;
    VF32 total[kRows][kTileVectors];
    for (int r = 0; r < kRows; ++r) total[r][0] = total[r][1] = hn::Zero(df);
    const float* rows[kRows];
    for (int r = 0; r < kRows; ++r) rows[r] = x + (row + r) * w.inputs;
    for (std::int64_t k = 0; k < w.inputs; ++k) {
      const T* at = data + k * kPanelColumns + column;
      const VF32 w0 = load_float(at);
      const VF32 w1 = load_float(at + lanes);
      for (int r = 0; r < kRows; ++r) {
        const VF32 value = hn::Set(df, rows[r][k]);
        total[r][0] = hn::MulAdd(w0, value, total[r][0]);
        total[r][1] = hn::MulAdd(w1, value, total[r][1]);
      }
    }
    store_tile<kRows>(total, out + row * stride + first, stride, w.columns - first, accumulate);
  }
}

template <typename T>
void float_rows(const PackedMatrix& w, const float* x, std::int64_t rows, std::int64_t begin,
                std::int64_t end, float* out, std::int64_t stride, bool accumulate) {
  constexpr std::int64_t kRowBlockBytes = 384 << 10;
  const std::int64_t fitting =
      kRowBlockBytes / (w.inputs * static_cast<std::int64_t>(sizeof(float)));
  const std::int64_t block_rows = std::max<std::int64_t>(fitting / kTileRows, 1) * kTileRows;
  for (std::int64_t first = 0; first < rows; first += block_rows) {
    const std::int64_t last = std::min(first + block_rows, rows);
    for (std::int64_t panel = begin; panel < end; ++panel) {
      std::int64_t row = first;
      for (; row + kTileRows <= last; row += kTileRows) {
        float_panel<kTileRows, T>(w, panel, x, row, out, stride, accumulate);
      }
      switch (last - row) {
        case 1:
          float_panel<1, T>(w, panel, x, row, out, stride, accumulate);
          break;
        case 2:
          float_panel<2, T>(w, panel, x, row, out, stride, accumulate);
          break;
        case 3:
          float_panel<3, T>(w, panel, x, row, out, stride, accumulate);
          break;
        case 4:
          float_panel<4, T>(w, panel, x, row, out, stride, accumulate);
          break;
        case 5:
          float_panel<5, T>(w, panel, x, row, out, stride, accumulate);
          break;
        default:
          break;
      }
    }
  }
}

void matmul_float(const PackedMatrix& w, const float* x, std::int64_t rows, std::int64_t begin,
                  std::int64_t end, float* out, std::int64_t stride, bool accumulate) {
  switch (w.format) {
    case WeightFormat::kF32:
      return float_rows<float>(w, x, rows, begin, end, out, stride, accumulate);
    case WeightFormat::kF16:
      return float_rows<hwy::float16_t>(w, x, rows, begin, end, out, stride, accumulate);
    case WeightFormat::kBF16:
      return float_rows<hwy::bfloat16_t>(w, x, rows, begin, end, out, stride, accumulate);
    default:
      return;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace memagent
HWY_AFTER_NAMESPACE();
#endif  // toggle
