// Norms, activations and reductions over single rows; included once per target.

#if defined(MEMAGENT_VECTOR_OPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MEMAGENT_VECTOR_OPS_INL_H_
#undef MEMAGENT_VECTOR_OPS_INL_H_
#else
#define MEMAGENT_VECTOR_OPS_INL_H_
#endif

#include "model/local/kernels/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace memagent {
namespace HWY_NAMESPACE {

void rms_norm(const float* x, const float* weight, std::int64_t size, float epsilon, float* out) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  VF32 squares = hn::Zero(df);
  std::int64_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const VF32 v = hn::LoadU(df, x + i);
    squares = hn::MulAdd(v, v, squares);
  }
  float total = hn::GetLane(hn::SumOfLanes(df, squares));
  for (; i < size; ++i) total += x[i] * x[i];
  const float factor = 1.0F / std::sqrt(total / static_cast<float>(size) + epsilon);
  const VF32 factors = hn::Set(df, factor);
  for (i = 0; i + lanes <= size; i += lanes) {
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(df, x + i), factors), hn::LoadU(df, weight + i)), df,
               out + i);
  }
  for (; i < size; ++i) out[i] = x[i] * factor * weight[i];
}

void add(float* x, const float* y, std::int64_t size) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  std::int64_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(df, x + i), hn::LoadU(df, y + i)), df, x + i);
  }
  for (; i < size; ++i) x[i] += y[i];
}

void silu_mul(const float* gate, const float* up, std::int64_t size, float* out) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  const VF32 one = hn::Set(df, 1.0F);
  std::int64_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const VF32 g = hn::LoadU(df, gate + i);
    // exp overflows to infinity for very negative g, which gives the right limit of zero.
    const VF32 e = hn::Exp(df, hn::Min(hn::Neg(g), hn::Set(df, 88.0F)));
    hn::StoreU(hn::Mul(hn::Div(g, hn::Add(one, e)), hn::LoadU(df, up + i)), df, out + i);
  }
  for (; i < size; ++i) out[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
}

void to_half(const float* x, std::int64_t size, std::uint16_t* out, std::int64_t stride) {
  const DF32 df;
  const hn::Rebind<hwy::float16_t, DF32> dh;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  const VF32 limit = hn::Set(df, 65504.0F);
  HWY_ALIGN std::uint16_t halves[hn::MaxLanes(df)];
  for (std::int64_t i = 0; i < size; i += lanes) {
    // size is a multiple of 16, like head_dim.
    const VF32 v = hn::Max(hn::Min(hn::LoadU(df, x + i), limit), hn::Neg(limit));
    hn::StoreU(hn::DemoteTo(dh, v), dh, reinterpret_cast<hwy::float16_t*>(halves));
    for (std::int64_t k = 0; k < lanes; ++k) out[(i + k) * stride] = halves[k];
  }
}

std::int64_t argmax(const float* x, std::int64_t size) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  const float lowest = -std::numeric_limits<float>::infinity();
  VF32 largest = hn::Set(df, lowest);
  std::int64_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const VF32 v = hn::LoadU(df, x + i);
    largest = hn::IfThenElse(hn::Gt(v, largest), v, largest);
  }
  float best = hn::GetLane(hn::MaxOfLanes(df, largest));
  for (; i < size; ++i) best = x[i] > best ? x[i] : best;
  for (i = 0; i < size; ++i) {
    if (x[i] == best) return i;
  }
  return 0;
}

double sum_exp(const float* x, std::int64_t size, float max, float inverse_temperature) {
  const DF32 df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(df));
  const VF32 shift = hn::Set(df, max);
  const VF32 factor = hn::Set(df, inverse_temperature);
  double total = 0.0;
  std::int64_t i = 0;
  while (i + lanes <= size) {
    // Partial sums in f32 over runs short enough to keep their error near one rounding.
    VF32 part = hn::Zero(df);
    for (int step = 0; step < 64 && i + lanes <= size; ++step, i += lanes) {
      part = hn::Add(part, hn::Exp(df, hn::Mul(hn::Sub(hn::LoadU(df, x + i), shift), factor)));
    }
    total += hn::GetLane(hn::SumOfLanes(df, part));
  }
  for (; i < size; ++i) total += std::exp((x[i] - max) * inverse_temperature);
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace memagent
HWY_AFTER_NAMESPACE();
#endif  // toggle
