#include "train/row_ops.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train/row_ops.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which sets the target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace memagent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using V = hn::Vec<F>;

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(F())); }

float dot(const float* x, const float* y, std::int64_t size) {
  const F f;
  V sum = hn::Zero(f);
  std::int64_t i = 0;
  for (; i + lanes() <= size; i += lanes()) {
    sum = hn::MulAdd(hn::LoadU(f, x + i), hn::LoadU(f, y + i), sum);
  }
  float total = hn::GetLane(hn::SumOfLanes(f, sum));
  for (; i < size; ++i) total += x[i] * y[i];
  return total;
}

void scale(float* x, float factor, std::int64_t size) {
  const F f;
  const V factors = hn::Set(f, factor);
  std::int64_t i = 0;
  for (; i + lanes() <= size; i += lanes()) {
    hn::StoreU(hn::Mul(hn::LoadU(f, x + i), factors), f, x + i);
  }
  for (; i < size; ++i) x[i] *= factor;
}

void rms_norm(const float* x, const float* w, float epsilon, std::int64_t rows, std::int64_t dim,
              float* y, float* factor) {
  const F f;
  for (std::int64_t r = 0; r < rows; ++r, x += dim, y += dim) {
    factor[r] = 1.0F / std::sqrt(dot(x, x, dim) / static_cast<float>(dim) + epsilon);
    const V factors = hn::Set(f, factor[r]);
    std::int64_t i = 0;
    for (; i + lanes() <= dim; i += lanes()) {
      hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(f, x + i), factors), hn::LoadU(f, w + i)), f, y + i);
    }
    for (; i < dim; ++i) y[i] = x[i] * factor[r] * w[i];
  }
}

void rms_norm_backward(const float* x, const float* w, const float* factor, const float* dy,
                       std::int64_t rows, std::int64_t dim, float* dx, float* dw) {
  const F f;
  for (std::int64_t r = 0; r < rows; ++r, x += dim, dy += dim, dx += dim) {
    V sum = hn::Zero(f);
    std::int64_t i = 0;
    for (; i + lanes() <= dim; i += lanes()) {
      const V product = hn::Mul(hn::LoadU(f, dy + i), hn::LoadU(f, x + i));
      sum = hn::MulAdd(product, hn::LoadU(f, w + i), sum);
    }
    float total = hn::GetLane(hn::SumOfLanes(f, sum));
    for (; i < dim; ++i) total += dy[i] * x[i] * w[i];
    const float c = factor[r];
    const float back = total * c * c * c / static_cast<float>(dim);
    const V cs = hn::Set(f, c);
    const V backs = hn::Set(f, back);
    for (i = 0; i + lanes() <= dim; i += lanes()) {
      const V xs = hn::LoadU(f, x + i);
      const V dys = hn::Mul(hn::LoadU(f, dy + i), cs);
      hn::StoreU(hn::NegMulAdd(xs, backs, hn::Mul(dys, hn::LoadU(f, w + i))), f, dx + i);
      hn::StoreU(hn::MulAdd(dys, xs, hn::LoadU(f, dw + i)), f, dw + i);
    }
    for (; i < dim; ++i) {
      dx[i] = dy[i] * c * w[i] - x[i] * back;
      dw[i] += dy[i] * c * x[i];
    }
  }
}

// exp overflows for very negative x, which gives the right limit of zero.
V sigmoid(F f, V x) {
  const V e = hn::Exp(f, hn::Min(hn::Neg(x), hn::Set(f, 88.0F)));
  return hn::Div(hn::Set(f, 1.0F), hn::Add(hn::Set(f, 1.0F), e));
}

void swiglu(const float* gate_up, std::int64_t rows, std::int64_t dim, float* y) {
  const F f;
  for (std::int64_t r = 0; r < rows; ++r, gate_up += 2 * dim, y += dim) {
    const float* up = gate_up + dim;
    std::int64_t i = 0;
    for (; i + lanes() <= dim; i += lanes()) {
      const V g = hn::LoadU(f, gate_up + i);
      hn::StoreU(hn::Mul(hn::Mul(g, sigmoid(f, g)), hn::LoadU(f, up + i)), f, y + i);
    }
    for (; i < dim; ++i) y[i] = gate_up[i] / (1.0F + std::exp(-gate_up[i])) * up[i];
  }
}

void swiglu_backward(const float* gate_up, const float* dy, std::int64_t rows, std::int64_t dim,
                     float* dgate_up) {
  const F f;
  const V one = hn::Set(f, 1.0F);
  for (std::int64_t r = 0; r < rows; ++r, gate_up += 2 * dim, dgate_up += 2 * dim, dy += dim) {
    const float* up = gate_up + dim;
    std::int64_t i = 0;
    for (; i + lanes() <= dim; i += lanes()) {
      const V g = hn::LoadU(f, gate_up + i);
      const V s = sigmoid(f, g);
      const V d = hn::LoadU(f, dy + i);
      const V silu = hn::Mul(g, s);
      // silu'(g) = s + g s (1 - s)
      const V slope = hn::MulAdd(silu, hn::Sub(one, s), s);
      hn::StoreU(hn::Mul(hn::Mul(d, hn::LoadU(f, up + i)), slope), f, dgate_up + i);
      hn::StoreU(hn::Mul(d, silu), f, dgate_up + dim + i);
    }
    for (; i < dim; ++i) {
      const float s = 1.0F / (1.0F + std::exp(-gate_up[i]));
      dgate_up[i] = dy[i] * up[i] * (s + gate_up[i] * s * (1.0F - s));
      dgate_up[dim + i] = dy[i] * gate_up[i] * s;
    }
  }
}

void exp_row(float* s, std::int64_t valid, std::int64_t size, float* max, float* sum) {
  const F f;
  V largest = hn::Set(f, -HUGE_VALF);
  std::int64_t i = 0;
  for (; i + lanes() <= valid; i += lanes()) largest = hn::Max(largest, hn::LoadU(f, s + i));
  float top = hn::GetLane(hn::MaxOfLanes(f, largest));
  for (; i < valid; ++i) top = s[i] > top ? s[i] : top;
  const V tops = hn::Set(f, top);
  V sums = hn::Zero(f);
  for (i = 0; i + lanes() <= valid; i += lanes()) {
    const V e = hn::Exp(f, hn::Sub(hn::LoadU(f, s + i), tops));
    hn::StoreU(e, f, s + i);
    sums = hn::Add(sums, e);
  }
  float total = hn::GetLane(hn::SumOfLanes(f, sums));
  for (; i < valid; ++i) total += s[i] = std::exp(s[i] - top);
  for (; i < size; ++i) s[i] = 0;
  *max = top;
  *sum = total;
}

void softmax_row_backward(float* s, float* dp, float lse, float dot_product, std::int64_t valid,
                          std::int64_t size) {
  const F f;
  const V lses = hn::Set(f, lse);
  const V dots = hn::Set(f, dot_product);
  std::int64_t i = 0;
  for (; i + lanes() <= valid; i += lanes()) {
    const V p = hn::Exp(f, hn::Sub(hn::LoadU(f, s + i), lses));
    hn::StoreU(p, f, s + i);
    hn::StoreU(hn::Mul(p, hn::Sub(hn::LoadU(f, dp + i), dots)), f, dp + i);
  }
  for (; i < valid; ++i) {
    s[i] = std::exp(s[i] - lse);
    dp[i] = s[i] * (dp[i] - dot_product);
  }
  for (; i < size; ++i) s[i] = dp[i] = 0;
}

void rotate(const float* x, const float* cosines, const float* sines, std::int64_t heads,
            std::int64_t head_dim, bool adjacent, bool inverse, float* y) {
  const F f;
  const std::int64_t half = head_dim / 2;
  const float sign = inverse ? -1.0F : 1.0F;
  const V signs = hn::Set(f, sign);
  for (std::int64_t h = 0; h < heads; ++h, x += head_dim, y += head_dim) {
    std::int64_t i = 0;
    for (; i + lanes() <= half; i += lanes()) {
      const V c = hn::LoadU(f, cosines + i);
      const V s = hn::Mul(hn::LoadU(f, sines + i), signs);
      V a;
      V b;
      if (adjacent) {
        hn::LoadInterleaved2(f, x + 2 * i, a, b);
      } else {
        a = hn::LoadU(f, x + i);
        b = hn::LoadU(f, x + half + i);
      }
      const V turned_a = hn::NegMulAdd(b, s, hn::Mul(a, c));
      const V turned_b = hn::MulAdd(a, s, hn::Mul(b, c));
      if (adjacent) {
        hn::StoreInterleaved2(turned_a, turned_b, f, y + 2 * i);
      } else {
        hn::StoreU(turned_a, f, y + i);
        hn::StoreU(turned_b, f, y + half + i);
      }
    }
    for (; i < half; ++i) {
      const std::int64_t first = adjacent ? 2 * i : i;
      const std::int64_t second = adjacent ? 2 * i + 1 : half + i;
      const float a = x[first];
      const float b = x[second];
      y[first] = a * cosines[i] - b * sign * sines[i];
      y[second] = a * sign * sines[i] + b * cosines[i];
    }
  }
}

void adamw(const AdamWStep& step, const float* g, std::int64_t size, float* w, float* m, float* v) {
  const F f;
  const V b1 = hn::Set(f, step.beta1);
  const V b2 = hn::Set(f, step.beta2);
  const V rest1 = hn::Set(f, (1.0F - step.beta1) * step.gradient_scale);
  const V rest2 = hn::Set(f, (1.0F - step.beta2) * step.gradient_scale * step.gradient_scale);
  const V rate = hn::Set(f, step.rate / step.correction1);
  const V root2 = hn::Set(f, 1.0F / std::sqrt(step.correction2));
  const V epsilon = hn::Set(f, step.epsilon);
  const V keep = hn::Set(f, 1.0F - step.rate * step.decay);
  std::int64_t i = 0;
  for (; i + lanes() <= size; i += lanes()) {
    const V gs = hn::LoadU(f, g + i);
    const V ms = hn::MulAdd(hn::LoadU(f, m + i), b1, hn::Mul(gs, rest1));
    const V vs = hn::MulAdd(hn::LoadU(f, v + i), b2, hn::Mul(hn::Mul(gs, gs), rest2));
    hn::StoreU(ms, f, m + i);
    hn::StoreU(vs, f, v + i);
    const V below = hn::MulAdd(hn::Sqrt(vs), root2, epsilon);
    const V moved = hn::Mul(hn::LoadU(f, w + i), keep);
    hn::StoreU(hn::NegMulAdd(rate, hn::Div(ms, below), moved), f, w + i);
  }
  for (; i < size; ++i) {
    const float scaled = g[i] * step.gradient_scale;
    m[i] = step.beta1 * m[i] + (1.0F - step.beta1) * scaled;
    v[i] = step.beta2 * v[i] + (1.0F - step.beta2) * scaled * scaled;
    const float below = std::sqrt(v[i]) / std::sqrt(step.correction2) + step.epsilon;
    w[i] = w[i] * (1.0F - step.rate * step.decay) - step.rate / step.correction1 * m[i] / below;
  }
}

const RowOps* row_ops_table() {
  static const RowOps table{.name = hwy::TargetName(HWY_TARGET),
                            .rms_norm = rms_norm,
                            .rms_norm_backward = rms_norm_backward,
                            .swiglu = swiglu,
                            .swiglu_backward = swiglu_backward,
                            .exp_row = exp_row,
                            .softmax_row_backward = softmax_row_backward,
                            .rotate = rotate,
                            .dot = dot,
                            .scale = scale,
                            .adamw = adamw};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace memagent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace memagent {
HWY_EXPORT(row_ops_table);

const RowOps& row_ops() {
  static const RowOps* const table = HWY_DYNAMIC_DISPATCH(row_ops_table)();
  return *table;
}

}  // namespace memagent
#endif
