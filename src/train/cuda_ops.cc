#include "train/cuda_ops.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "base/check.h"
#include "train/cuda_rows.h"

namespace memagent::cuda {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

RowType type_of(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat ? RowType::kFloat32 : RowType::kBFloat16;
}

// The device that a tensor is on, current for as long as this lives, and its stream.
struct Device {
  explicit Device(const torch::Tensor& x) : guard(x.device()) {}
  c10::cuda::CUDAGuard guard;
  cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
};

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x_in,
                               const torch::Tensor& weight, double epsilon) {
    const torch::Tensor x = x_in.contiguous();
    const Device device(x);
    torch::Tensor y = torch::empty_like(x);
    torch::Tensor factor = torch::empty({x.size(0)}, x.options().dtype(torch::kFloat));
    cuda::rms_norm(type_of(x), x.data_ptr(), weight.data_ptr(), static_cast<float>(epsilon),
                   x.size(0), x.size(1), y.data_ptr(), factor.data_ptr<float>(), device.stream);
    context->save_for_backward({x, weight, factor});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& x = saved[0];
    const torch::Tensor dy = gradients[0].contiguous();
    const Device device(x);
    torch::Tensor dx = torch::empty_like(x);
    torch::Tensor parts =
        torch::empty({num_row_parts(x.size(0)), x.size(1)}, x.options().dtype(torch::kFloat));
    rms_norm_backward(type_of(x), x.data_ptr(), saved[1].data_ptr(), saved[2].data_ptr<float>(),
                      dy.data_ptr(), x.size(0), x.size(1), dx.data_ptr(), parts.data_ptr<float>(),
                      device.stream);
    return {dx, parts.sum(0).to(saved[1].scalar_type()), torch::Tensor()};
  }
};

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& gate_up_in) {
    const torch::Tensor gate_up = gate_up_in.contiguous();
    const Device device(gate_up);
    const std::int64_t dim = gate_up.size(1) / 2;
    torch::Tensor y = torch::empty({gate_up.size(0), dim}, gate_up.options());
    cuda::swiglu(type_of(gate_up), gate_up.data_ptr(), gate_up.size(0), dim, y.data_ptr(),
                 device.stream);
    context->save_for_backward({gate_up});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const torch::Tensor gate_up = context->get_saved_variables()[0];
    const torch::Tensor dy = gradients[0].contiguous();
    const Device device(gate_up);
    torch::Tensor d = torch::empty_like(gate_up);
    swiglu_backward(type_of(gate_up), gate_up.data_ptr(), dy.data_ptr(), gate_up.size(0),
                    gate_up.size(1) / 2, d.data_ptr(), device.stream);
    return {d};
  }
};

// Norms that are not there are empty.
const void* data_or_null(const torch::Tensor& norm) {
  return norm.numel() > 0 ? norm.data_ptr() : nullptr;
}

class SplitHeads : public torch::autograd::Function<SplitHeads> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& qkv_in,
                               const torch::Tensor& query_norm, const torch::Tensor& key_norm,
                               const torch::Tensor& cosines, const torch::Tensor& sines,
                               std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim,
                               bool adjacent, double epsilon) {
    const torch::Tensor qkv = qkv_in.contiguous();
    const Device device(qkv);
    const HeadsShape shape{qkv.size(0), heads,    kv_heads,
                           head_dim,    adjacent, static_cast<float>(epsilon)};
    torch::Tensor q = torch::empty({shape.tokens, heads, head_dim}, qkv.options());
    torch::Tensor k = torch::empty({shape.tokens, kv_heads, head_dim}, qkv.options());
    torch::Tensor v = torch::empty_like(k);
    cuda::split_heads(type_of(qkv), shape, qkv.data_ptr(), data_or_null(query_norm),
                      data_or_null(key_norm), cosines.data_ptr(), sines.data_ptr(), q.data_ptr(),
                      k.data_ptr(), v.data_ptr(), device.stream);
    context->save_for_backward({qkv, query_norm, key_norm, cosines, sines});
    context->saved_data["heads"] = heads;
    context->saved_data["kv_heads"] = kv_heads;
    context->saved_data["head_dim"] = head_dim;
    context->saved_data["adjacent"] = adjacent;
    context->saved_data["epsilon"] = epsilon;
    return {q, k, v};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& qkv = saved[0];
    const Device device(qkv);
    const HeadsShape shape{qkv.size(0),
                           context->saved_data["heads"].toInt(),
                           context->saved_data["kv_heads"].toInt(),
                           context->saved_data["head_dim"].toInt(),
                           context->saved_data["adjacent"].toBool(),
                           static_cast<float>(context->saved_data["epsilon"].toDouble())};
    const auto gradient = [&](std::size_t i, std::int64_t heads) {
      if (gradients[i].defined()) return gradients[i].contiguous();
      return torch::zeros({shape.tokens, heads, shape.head_dim}, qkv.options());
    };
    const torch::Tensor dq = gradient(0, shape.heads);
    const torch::Tensor dk = gradient(1, shape.kv_heads);
    const torch::Tensor dv = gradient(2, shape.kv_heads);
    torch::Tensor dqkv = torch::empty_like(qkv);
    const bool normed = saved[1].numel() > 0;
    torch::Tensor parts;
    if (normed) {
      parts = torch::empty({num_row_parts(shape.tokens), 2, shape.head_dim},
                           qkv.options().dtype(torch::kFloat));
    }
    split_heads_backward(type_of(qkv), shape, qkv.data_ptr(), data_or_null(saved[1]),
                         data_or_null(saved[2]), saved[3].data_ptr(), saved[4].data_ptr(),
                         dq.data_ptr(), dk.data_ptr(), dv.data_ptr(), dqkv.data_ptr(),
                         normed ? parts.data_ptr<float>() : nullptr, device.stream);
    variable_list all(10);
    all[0] = dqkv;
    if (normed) {
      const torch::Tensor norms = parts.sum(0).to(saved[1].scalar_type());
      all[1] = norms[0];
      all[2] = norms[1];
    }
    return all;
  }
};

}  // namespace

bool takes_rows(const torch::Tensor& x) {
  return x.is_cuda() && (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16);
}

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  return RmsNorm::apply(x, weight, epsilon);
}

torch::Tensor swiglu(const torch::Tensor& gate_up) { return SwiGlu::apply(gate_up); }

bool takes_heads(const torch::Tensor& qkv, std::int64_t head_dim) {
  return takes_rows(qkv) && takes_heads(type_of(qkv), head_dim);
}

Heads split_heads(const torch::Tensor& qkv, const torch::Tensor& query_norm,
                  const torch::Tensor& key_norm, const torch::Tensor& cosines,
                  const torch::Tensor& sines, const HeadsOptions& options) {
  const torch::Tensor none = torch::empty({0}, qkv.options());
  const variable_list all = SplitHeads::apply(
      qkv, query_norm.defined() ? query_norm : none, key_norm.defined() ? key_norm : none, cosines,
      sines, options.heads, options.kv_heads, options.head_dim, options.adjacent, options.epsilon);
  return {all[0], all[1], all[2]};
}

void merge_attention(torch::Tensor& out, torch::Tensor& lse, const torch::Tensor& other,
                     torch::Tensor& other_lse) {
  MEMAGENT_CHECK(out.is_contiguous() && other.is_contiguous() && other_lse.is_contiguous() &&
                     lse.stride(1) == 1,
                 "attention of {} rows", out.size(0));
  const Device device(out);
  cuda::merge_attention(type_of(out), out.size(0), out.size(1), out.size(2), out.data_ptr(),
                        lse.data_ptr<float>(), lse.stride(0), other.data_ptr(),
                        other_lse.data_ptr<float>(), device.stream);
}

bool takes_steps(const torch::Tensor& value) {
  return value.is_cuda() && value.scalar_type() == torch::kFloat && value.is_contiguous();
}

void adamw(const AdamWStep& step, const torch::Tensor& gradient, torch::Tensor& value,
           torch::Tensor& first, torch::Tensor& second, torch::Tensor& average,
           double average_decay) {
  const torch::Tensor g = gradient.contiguous();
  const Device device(value);
  cuda::adamw(step, g.data_ptr<float>(), g.numel(), value.data_ptr<float>(),
              first.data_ptr<float>(), second.data_ptr<float>(),
              average.defined() ? average.data_ptr<float>() : nullptr,
              static_cast<float>(average_decay), device.stream);
}

}  // namespace memagent::cuda
