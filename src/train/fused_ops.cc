#include "train/fused_ops.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <vector>

#include "train/cuda_ops.h"
#include "train/row_ops.h"

namespace memagent {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kRowsPerTask = 64;

bool fused(const torch::Tensor& x) { return x.is_cpu() && x.scalar_type() == torch::kFloat; }

const float* in(const torch::Tensor& tensor) { return tensor.data_ptr<float>(); }
float* out(const torch::Tensor& tensor) { return tensor.data_ptr<float>(); }

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x_in,
                               const torch::Tensor& weight, double epsilon) {
    const torch::Tensor x = x_in.contiguous();
    const std::int64_t dim = x.size(1);
    torch::Tensor y = torch::empty_like(x);
    torch::Tensor factor = torch::empty({x.size(0)}, x.options());
    at::parallel_for(0, x.size(0), kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
      row_ops().rms_norm(in(x) + first * dim, in(weight), static_cast<float>(epsilon), last - first,
                         dim, out(y) + first * dim, out(factor) + first);
    });
    context->save_for_backward({x, weight, factor});
    return y;
  }

  // The sums for the weight are made in blocks of rows and added in order, so that they do not
  // depend on the number of threads.
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& x = saved[0];
    const torch::Tensor dy = gradients[0].contiguous();
    const std::int64_t rows = x.size(0);
    const std::int64_t dim = x.size(1);
    constexpr std::int64_t kBlock = 512;
    const std::int64_t blocks = (rows + kBlock - 1) / kBlock;
    torch::Tensor dx = torch::empty_like(x);
    torch::Tensor partial = torch::zeros({blocks, dim}, x.options());
    at::parallel_for(0, blocks, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t block = first; block < last; ++block) {
        const std::int64_t row = block * kBlock;
        row_ops().rms_norm_backward(in(x) + row * dim, in(saved[1]), in(saved[2]) + row,
                                    in(dy) + row * dim, std::min(kBlock, rows - row), dim,
                                    out(dx) + row * dim, out(partial) + block * dim);
      }
    });
    return {dx, partial.sum(0), torch::Tensor()};
  }
};

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& gate_up_in) {
    const torch::Tensor gate_up = gate_up_in.contiguous();
    const std::int64_t dim = gate_up.size(1) / 2;
    torch::Tensor y = torch::empty({gate_up.size(0), dim}, gate_up.options());
    at::parallel_for(0, gate_up.size(0), kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
      row_ops().swiglu(in(gate_up) + first * 2 * dim, last - first, dim, out(y) + first * dim);
    });
    context->save_for_backward({gate_up});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const torch::Tensor gate_up = context->get_saved_variables()[0];
    const torch::Tensor dy = gradients[0].contiguous();
    const std::int64_t dim = gate_up.size(1) / 2;
    torch::Tensor d = torch::empty_like(gate_up);
    at::parallel_for(0, gate_up.size(0), kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
      row_ops().swiglu_backward(in(gate_up) + first * 2 * dim, in(dy) + first * dim, last - first,
                                dim, out(d) + first * 2 * dim);
    });
    return {d};
  }
};

torch::Tensor rotate(const torch::Tensor& x_in, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent, bool inverse) {
  const torch::Tensor x = x_in.contiguous();
  const std::int64_t heads = x.size(1);
  const std::int64_t dim = x.size(2);
  torch::Tensor y = torch::empty_like(x);
  at::parallel_for(0, x.size(0), kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      row_ops().rotate(in(x) + t * heads * dim, in(cosines) + t * (dim / 2),
                       in(sines) + t * (dim / 2), heads, dim, adjacent, inverse,
                       out(y) + t * heads * dim);
    }
  });
  return y;
}

class Rotary : public torch::autograd::Function<Rotary> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& cosines, const torch::Tensor& sines,
                               bool adjacent) {
    context->save_for_backward({cosines, sines});
    context->saved_data["adjacent"] = adjacent;
    return rotate(x, cosines, sines, adjacent, false);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return {
        rotate(gradients[0], saved[0], saved[1], context->saved_data["adjacent"].toBool(), true),
        torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

namespace composed {

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  // Sums over a row want more than bf16's 8 bits.
  const bool low = x.scalar_type() == torch::kBFloat16 || x.scalar_type() == torch::kHalf;
  const torch::Tensor wide = low ? x.to(torch::kFloat) : x;
  const torch::Tensor normed = wide * torch::rsqrt(wide.pow(2).mean(-1, true) + epsilon);
  return normed.to(x.scalar_type()) * weight;
}

torch::Tensor swiglu(const torch::Tensor& gate_up) {
  const std::int64_t dim = gate_up.size(1) / 2;
  return torch::silu(gate_up.slice(1, 0, dim)) * gate_up.slice(1, dim);
}

torch::Tensor rotary(const torch::Tensor& x, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent) {
  const std::int64_t half = x.size(2) / 2;
  const torch::Tensor c = cosines.unsqueeze(1);
  const torch::Tensor s = sines.unsqueeze(1);
  const torch::Tensor a = adjacent ? x.slice(2, 0, x.size(2), 2) : x.slice(2, 0, half);
  const torch::Tensor b = adjacent ? x.slice(2, 1, x.size(2), 2) : x.slice(2, half);
  const torch::Tensor turned_a = a * c - b * s;
  const torch::Tensor turned_b = a * s + b * c;
  if (adjacent) return torch::stack({turned_a, turned_b}, 3).flatten(2);
  return torch::cat({turned_a, turned_b}, 2);
}

}  // namespace composed

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  if (cuda::takes_rows(x)) return cuda::rms_norm(x, weight, epsilon);
  return fused(x) ? RmsNorm::apply(x, weight, epsilon) : composed::rms_norm(x, weight, epsilon);
}

torch::Tensor swiglu(const torch::Tensor& gate_up) {
  if (cuda::takes_rows(gate_up)) return cuda::swiglu(gate_up);
  return fused(gate_up) ? SwiGlu::apply(gate_up) : composed::swiglu(gate_up);
}

torch::Tensor rotary(const torch::Tensor& x, const torch::Tensor& cosines,
                     const torch::Tensor& sines, bool adjacent) {
  return fused(x) ? Rotary::apply(x, cosines, sines, adjacent)
                  : composed::rotary(x, cosines, sines, adjacent);
}

Heads split_heads(const torch::Tensor& qkv, const torch::Tensor& query_norm,
                  const torch::Tensor& key_norm, const torch::Tensor& cosines,
                  const torch::Tensor& sines, const HeadsOptions& options) {
  if (cuda::takes_heads(qkv, options.head_dim)) {
    return cuda::split_heads(qkv, query_norm, key_norm, cosines, sines, options);
  }
  const std::int64_t tokens = qkv.size(0);
  const std::int64_t dim = options.head_dim;
  const std::int64_t q_rows = options.heads * dim;
  const std::int64_t k_rows = options.kv_heads * dim;
  torch::Tensor q = qkv.slice(1, 0, q_rows);
  torch::Tensor k = qkv.slice(1, q_rows, q_rows + k_rows);
  const torch::Tensor v = qkv.slice(1, q_rows + k_rows).view({tokens, options.kv_heads, dim});
  if (query_norm.defined()) {
    q = rms_norm(q.reshape({tokens * options.heads, dim}), query_norm, options.epsilon);
    k = rms_norm(k.reshape({tokens * options.kv_heads, dim}), key_norm, options.epsilon);
  }
  return {rotary(q.reshape({tokens, options.heads, dim}), cosines, sines, options.adjacent),
          rotary(k.reshape({tokens, options.kv_heads, dim}), cosines, sines, options.adjacent), v};
}

}  // namespace memagent
