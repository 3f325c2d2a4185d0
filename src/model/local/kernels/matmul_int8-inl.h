// Integer matrix products for one Highway target; included by kernels.cc once per target.
//
// A tile is up to kTileRows rows times two vectors of output columns. Products of one block are
// summed exactly in int32, then scaled into float accumulators, so the only rounding is that of the
// activations' quantisation and of one float multiply-add per block.
//
// Three ways to multiply, chosen by target: with VNNI, four unsigned-by-signed products a lane
// (weights are biased by 128, which the caller's corrections take back); on other x86 targets, two
// 16-bit products a lane; elsewhere one.

#if defined(MEMAGENT_MATMUL_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMAGENT_MATMUL_INT8_INL_H_
#undef MEMAGENT_MATMUL_INT8_INL_H_
#else
#define MEMAGENT_MATMUL_INT8_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "model/local/kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace memagent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3_DL
inline constexpr int kInputGroup = 4;
using QuantizedValue = std::int8_t;
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
inline constexpr int kInputGroup = 2;
using QuantizedValue = std::int16_t;
#else
inline constexpr int kInputGroup = 1;
using QuantizedValue = std::int16_t;
#endif

using DI32 = hn::ScalableTag<std::int32_t>;
using DF32 = hn::ScalableTag<float>;
using VI32 = hn::Vec<DI32>;
using VF32 = hn::Vec<DF32>;

inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 2;

// The next kInputGroup weights of each lane's column, ready for multiplication.
// The activations of one group, the same in every lane.
#if HWY_TARGET == HWY_AVX3_DL

using WeightVector = VI32;
HWY_INLINE WeightVector load_weights(const std::int8_t* weights) {
  return hn::LoadU(DI32(), reinterpret_cast<const std::int32_t*>(weights));
}
HWY_INLINE VI32 multiply_add(VI32 sum, WeightVector weights, const QuantizedValue* x) {
  // By hand, because Highway 1.0.3 does not turn avx512vnni on for this target: sum += the four
  // products of unsigned weights and the signed bytes at x, which are broadcast to every lane.
  asm("vpdpbusd %2%{1to16%}, %1, %0"
      : "+v"(sum.raw)
      : "v"(weights.raw), "m"(*reinterpret_cast<const std::int32_t*>(x)));
  return sum;
}

#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR

using DI16 = hn::ScalableTag<std::int16_t>;
using WeightVector = hn::Vec<DI16>;
HWY_INLINE WeightVector load_weights(const std::int8_t* weights) {
  return hn::PromoteTo(DI16(), hn::LoadU(hn::Rebind<std::int8_t, DI16>(), weights));
}
HWY_INLINE VI32 multiply_add(VI32 sum, WeightVector weights, const QuantizedValue* x) {
  std::int32_t group;
  __builtin_memcpy(&group, x, sizeof(group));
  VI32 unused = hn::Zero(DI32());
  return hn::ReorderWidenMulAccumulate(DI32(), weights, hn::BitCast(DI16(), hn::Set(DI32(), group)),
                                       sum, unused);
}

#else

using WeightVector = VI32;
HWY_INLINE WeightVector load_weights(const std::int8_t* weights) {
  return hn::PromoteTo(DI32(), hn::LoadU(hn::Rebind<std::int8_t, DI32>(), weights));
}
HWY_INLINE VI32 multiply_add(VI32 sum, WeightVector weights, const QuantizedValue* x) {
  return hn::Add(sum, hn::Mul(weights, hn::Set(DI32(), *x)));
}

#endif

// One tile: kRows rows from `row`, two vectors of columns from `column` of one panel.
template <int kRows, WeightFormat kFormat>
HWY_INLINE void int8_tile(const std::byte* panel, std::int64_t num_blocks, const QuantizedRows& x,
                          std::int64_t row, int column, VF32 (&total)[kRows][kTileVectors]) {
  constexpr int kGroups = kBlock / kInputGroup;
  constexpr bool kTwoScales = kFormat == WeightFormat::kInt8Halves;
  constexpr std::int64_t kBlockBytes =
      kBlock * kPanelColumns +
      (kFormat == WeightFormat::kInt8 ? 1 : 2) * kPanelColumns * static_cast<int>(sizeof(float));
  const DI32 di;
  const DF32 df;
  const int lanes = static_cast<int>(hn::Lanes(df));

  const QuantizedValue* values[kRows];
  const float* scales[kRows];
  const std::int32_t* corrections[kRows];
  for (int r = 0; r < kRows; ++r) {
    values[r] = reinterpret_cast<const QuantizedValue*>(x.values.data()) + (row + r) * x.inputs;
    scales[r] = x.scales.data() + (row + r) * num_blocks;
    corrections[r] = x.corrections.data() + (row + r) * num_blocks;
    total[r][0] = hn::Zero(df);
    total[r][1] = hn::Zero(df);
  }

  for (std::int64_t block = 0; block < num_blocks; ++block) {
    const auto* weights = reinterpret_cast<const std::int8_t*>(panel + block * kBlockBytes);
    const auto* weight_scales =
        reinterpret_cast<const float*>(weights + kBlock * kPanelColumns) + column;
    VI32 sum[kRows][kTileVectors];
    for (int r = 0; r < kRows; ++r) {
      std::int32_t correction = 0;
      if constexpr (kInputGroup == 4) {
        correction = kTwoScales
                         ? x.sums_low[static_cast<std::size_t>((row + r) * num_blocks + block)]
                         : corrections[r][block];
      }
      sum[r][0] = hn::Set(di, correction);
      sum[r][1] = sum[r][0];
    }
    const auto scale_into_total = [&](const float* column_scales) HWY_ATTR {
      const VF32 scale0 = hn::LoadU(df, column_scales);
      const VF32 scale1 = hn::LoadU(df, column_scales + lanes);
      for (int r = 0; r < kRows; ++r) {
        const VF32 row_scale = hn::Set(df, scales[r][block]);
        total[r][0] =
            hn::MulAdd(hn::ConvertTo(df, sum[r][0]), hn::Mul(scale0, row_scale), total[r][0]);
        total[r][1] =
            hn::MulAdd(hn::ConvertTo(df, sum[r][1]), hn::Mul(scale1, row_scale), total[r][1]);
      }
    };
    HWY_UNROLL(8)
    for (int group = 0; group < kGroups; ++group) {
      if constexpr (kTwoScales) {
        if (group == kGroups / 2) {
          scale_into_total(weight_scales);
          for (int r = 0; r < kRows; ++r) {
            std::int32_t correction = 0;
            if constexpr (kInputGroup == 4) {
              const auto at = static_cast<std::size_t>((row + r) * num_blocks + block);
              correction = x.corrections[at] - x.sums_low[at];
            }
            sum[r][0] = hn::Set(di, correction);
            sum[r][1] = sum[r][0];
          }
        }
      }
      const std::int8_t* at = weights + (group * kPanelColumns + column) * kInputGroup;
      const WeightVector w0 = load_weights(at);
      const WeightVector w1 = load_weights(at + lanes * kInputGroup);
      for (int r = 0; r < kRows; ++r) {
        const QuantizedValue* group_values = values[r] + block * kBlock + group * kInputGroup;
        sum[r][0] = multiply_add(sum[r][0], w0, group_values);
        sum[r][1] = multiply_add(sum[r][1], w1, group_values);
      }
    }
    scale_into_total(kTwoScales ? weight_scales + kPanelColumns : weight_scales);
    if constexpr (kFormat == WeightFormat::kInt8Offset) {
      const VF32 offset0 = hn::LoadU(df, weight_scales + kPanelColumns);
      const VF32 offset1 = hn::LoadU(df, weight_scales + kPanelColumns + lanes);
      for (int r = 0; r < kRows; ++r) {
        const VF32 row_sum =
            hn::Set(df, x.sums[static_cast<std::size_t>((row + r) * num_blocks + block)]);
        total[r][0] = hn::MulAdd(offset0, row_sum, total[r][0]);
        total[r][1] = hn::MulAdd(offset1, row_sum, total[r][1]);
      }
    }
  }
}

// Writes two vectors of columns of kRows rows, of which `valid` columns exist.
template <int kRows>
HWY_INLINE void store_tile(const VF32 (&total)[kRows][kTileVectors], float* out,
                           std::int64_t stride, std::int64_t valid, bool accumulate) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  for (int r = 0; r < kRows; ++r) {
    float* at = out + r * stride;
    if (valid >= 2 * lanes) {
      VF32 low = total[r][0];
      VF32 high = total[r][1];
      if (accumulate) {
        low = hn::Add(low, hn::LoadU(df, at));
        high = hn::Add(high, hn::LoadU(df, at + lanes));
      }
      hn::StoreU(low, df, at);
      hn::StoreU(high, df, at + lanes);
    } else {
      HWY_ALIGN float values[2 * hn::MaxLanes(df)];
      hn::Store(total[r][0], df, values);
      hn::Store(total[r][1], df, values + lanes);
      for (std::int64_t c = 0; c < valid; ++c) at[c] = accumulate ? at[c] + values[c] : values[c];
    }
  }
}

template <int kRows, WeightFormat kFormat>
HWY_NOINLINE void int8_panel(const PackedMatrix& w, std::int64_t panel, const QuantizedRows& x,
                             std::int64_t row, float* out, std::int64_t stride, bool accumulate) {
  const int columns_at_once = kTileVectors * static_cast<int>(hn::Lanes(DF32()));
  const std::byte* data = w.data + panel * panel_bytes(w.format, w.inputs);
  for (int column = 0; column < kPanelColumns; column += columns_at_once) {
    const std::int64_t first = panel * kPanelColumns + column;
    if (first >= w.columns) return;
    VF32 total[kRows][kTileVectors];
    int8_tile<kRows, kFormat>(data, w.inputs / kBlock, x, row, column, total);
    store_tile<kRows>(total, out + row * stride + first, stride, w.columns - first, accumulate);
  }
}

template <WeightFormat kFormat>
void int8_rows(const PackedMatrix& w, const QuantizedRows& x, std::int64_t begin, std::int64_t end,
               float* out, std::int64_t stride, bool accumulate) {
  // Rows are taken in blocks whose quantised values stay in the second-level cache while all
  // panels of the range pass by.
  constexpr std::int64_t kRowBlockBytes = 384 << 10;
  const std::int64_t fitting =
      kRowBlockBytes / (x.inputs * static_cast<std::int64_t>(sizeof(QuantizedValue)));
  const std::int64_t block_rows = std::max<std::int64_t>(fitting / kTileRows, 1) * kTileRows;
  for (std::int64_t first = 0; first < x.rows; first += block_rows) {
    const std::int64_t last = std::min(first + block_rows, x.rows);
    for (std::int64_t panel = begin; panel < end; ++panel) {
      std::int64_t row = first;
      for (; row + kTileRows <= last; row += kTileRows) {
        int8_panel<kTileRows, kFormat>(w, panel, x, row, out, stride, accumulate);
      }
      switch (last - row) {
        case 1:
          int8_panel<1, kFormat>(w, panel, x, row, out, stride, accumulate);
          break;
        case 2:
          int8_panel<2, kFormat>(w, panel, x, row, out, stride, accumulate);
          break;
        case 3:
          int8_panel<3, kFormat>(w, panel, x, row, out, stride, accumulate);
          break;
        case 4:
          int8_panel<4, kFormat>(w, panel, x, row, out, stride, accumulate);
          break;
        case 5:
          int8_panel<5, kFormat>(w, panel, x, row, out, stride, accumulate);
          break;
        default:
          break;
      }
    }
  }
}

void matmul_int8(const PackedMatrix& w, const QuantizedRows& x, std::int64_t begin,
                 std::int64_t end, float* out, std::int64_t stride, bool accumulate) {
  switch (w.format) {
    case WeightFormat::kInt8:
      return int8_rows<WeightFormat::kInt8>(w, x, begin, end, out, stride, accumulate);
    case WeightFormat::kInt8Offset:
      return int8_rows<WeightFormat::kInt8Offset>(w, x, begin, end, out, stride, accumulate);
    case WeightFormat::kInt8Halves:
      return int8_rows<WeightFormat::kInt8Halves>(w, x, begin, end, out, stride, accumulate);
    default:
      return;
  }
}

// Scale of a block: its largest magnitude over 127. Values are rounded to nearest.
void quantize_rows(const float* x, std::int64_t inputs, std::int64_t begin, std::int64_t end,
                   QuantizedRows& out) {
  const DF32 df;
  const DI32 di;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  const std::int64_t num_blocks = inputs / kBlock;
  for (std::int64_t row = begin; row < end; ++row) {
    auto* values = reinterpret_cast<QuantizedValue*>(out.values.data()) + row * inputs;
    for (std::int64_t block = 0; block < num_blocks; ++block) {
      const float* at = x + row * inputs + block * kBlock;
      VF32 largest = hn::Zero(df);
      for (std::int64_t i = 0; i < kBlock; i += lanes) {
        largest = hn::Max(largest, hn::Abs(hn::LoadU(df, at + i)));
      }
      const float magnitude = hn::GetLane(hn::MaxOfLanes(df, largest));
      const float scale = magnitude / 127.0F;
      const VF32 inverse = hn::Set(df, magnitude > 0.0F ? 127.0F / magnitude : 0.0F);
      VI32 low = hn::Zero(di);
      VI32 high = hn::Zero(di);
      for (std::int64_t i = 0; i < kBlock; i += lanes) {
        const VI32 q = hn::NearestInt(hn::Mul(hn::LoadU(df, at + i), inverse));
        if (i < kBlock / 2) {
          low = hn::Add(low, q);
        } else {
          high = hn::Add(high, q);
        }
        hn::StoreU(hn::DemoteTo(hn::Rebind<QuantizedValue, DI32>(), q),
                   hn::Rebind<QuantizedValue, DI32>(), values + block * kBlock + i);
      }
      const std::int32_t sum_low = hn::GetLane(hn::SumOfLanes(di, low));
      const std::int32_t sum = sum_low + hn::GetLane(hn::SumOfLanes(di, high));
      const auto to = static_cast<std::size_t>(row * num_blocks + block);
      out.scales[to] = scale;
      out.corrections[to] = -128 * sum;
      out.sums_low[to] = -128 * sum_low;
      out.sums[to] = scale * static_cast<float>(sum);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace memagent
HWY_AFTER_NAMESPACE();
#endif  // toggle
