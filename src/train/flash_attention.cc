#include "train/flash_attention.h"

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/version.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "train/cuda_ops.h"
#include "train/device_copy.h"

namespace memagent {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Parts = FlashPlan::Parts;
using Runs = FlashPlan::Runs;

Runs runs_of(const std::vector<std::int32_t>& lengths, torch::Device device) {
  Runs runs;
  std::vector<std::int32_t> ends{0};
  for (const std::int32_t length : lengths) {
    ends.push_back(ends.back() + length);
    runs.longest = std::max<std::int64_t>(runs.longest, length);
  }
  runs.ends = on_device(std::span<const std::int32_t>(ends), device);
  return runs;
}

#if TORCH_VERSION_MAJOR >= 2
// The random state that the kernels hand on is unused without dropout.
struct Attended {
  torch::Tensor out;  // [queries, heads, head_dim]
  torch::Tensor lse;  // [heads, queries] float32
  torch::Tensor random_seed;
  torch::Tensor random_offset;
};

Attended attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                const Runs& queries, const Runs& keys, bool causal) {
  auto result = at::_flash_attention_forward(q, k, v, queries.ends, keys.ends, queries.longest,
                                             keys.longest, /*dropout_p=*/0.0, causal,
                                             /*return_debug_mask=*/false);
  return {std::get<0>(result), std::get<1>(result), std::get<2>(result), std::get<3>(result)};
}

struct Gradients {
  torch::Tensor q;
  torch::Tensor k;
  torch::Tensor v;
};

Gradients attend_backward(const torch::Tensor& dout, const torch::Tensor& q, const torch::Tensor& k,
                          const torch::Tensor& v, const Attended& attended, const Runs& queries,
                          const Runs& keys, bool causal) {
  auto result = at::_flash_attention_backward(
      dout, q, k, v, attended.out, attended.lse, queries.ends, keys.ends, queries.longest,
      keys.longest, /*dropout_p=*/0.0, causal, attended.random_seed, attended.random_offset);
  return {std::get<0>(result), std::get<1>(result), std::get<2>(result)};
}

// Asks the kernels themselves: a LibTorch may be built without them, they refuse devices older than
// compute capability 8.0, and older ones (and some for AMD's devices) give denominators by run and
// padded, [runs, heads, longest].
bool kernels_answer(torch::Device device) {
  try {
    const torch::NoGradGuard no_gradients;
    const Runs runs = runs_of({2, 1}, device);
    const torch::Tensor x =
        torch::zeros({3, 1, 8}, torch::TensorOptions(device).dtype(torch::kBFloat16));
    return attend(x, x, x, runs, runs, true).lse.dim() == 2;
  } catch (const c10::Error&) {
    return false;
  }
}

// What autograd carries of a plan.
struct PlanHolder : torch::CustomClassHolder {
  explicit PlanHolder(std::shared_ptr<const Parts> parts_in) : parts(std::move(parts_in)) {}
  std::shared_ptr<const Parts> parts;
};

class FlashAttention : public torch::autograd::Function<FlashAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& q,
                               const torch::Tensor& k, const torch::Tensor& v,
                               const std::shared_ptr<const Parts>& parts) {
    const std::int64_t tokens = q.size(0);
    Attended own = attend(q, k, v, parts->own, parts->own, true);
    if (parts->first_child < tokens) {
      torch::Tensor out = own.out.slice(0, parts->first_child);
      torch::Tensor lse = own.lse.slice(1, parts->first_child);
      Attended parent = attend(q.slice(0, parts->first_child), parent_part(k, *parts),
                               parent_part(v, *parts), parts->children, parts->parents, false);
      cuda::merge_attention(out, lse, parent.out, parent.lse);
      context->save_for_backward(
          {q, k, v, own.out, own.lse, own.random_seed, own.random_offset, parent.lse});
    } else {
      context->save_for_backward({q, k, v, own.out, own.lse, own.random_seed, own.random_offset});
    }
    context->saved_data["plan"] =
        torch::IValue::make_capsule(c10::make_intrusive<PlanHolder>(parts));
    return own.out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto holder = context->saved_data["plan"].toCapsule();
    const Parts& parts = *static_cast<const PlanHolder&>(*holder).parts;
    const torch::Tensor& q = saved[0];
    const torch::Tensor& k = saved[1];
    const torch::Tensor& v = saved[2];
    const torch::Tensor dout = gradients[0].contiguous();
    Attended attended{saved[3], saved[4], saved[5], saved[6]};
    Gradients d = attend_backward(dout, q, k, v, attended, parts.own, parts.own, true);
    if (parts.first_child < q.size(0)) {
      attended.out = saved[3].slice(0, parts.first_child);
      attended.lse = saved[7];
      const Gradients more = attend_backward(
          dout.slice(0, parts.first_child), q.slice(0, parts.first_child), parent_part(k, parts),
          parent_part(v, parts), attended, parts.children, parts.parents, false);
      d.q.slice(0, parts.first_child).add_(more.q);
      parent_part(d.k, parts).add_(more.k);
      parent_part(d.v, parts).add_(more.v);
    }
    return {d.q, d.k, d.v, torch::Tensor()};
  }

 private:
  static torch::Tensor parent_part(const torch::Tensor& all, const Parts& parts) {
    return all.slice(0, parts.first_parent, parts.first_child);
  }
};
#else
bool kernels_answer(torch::Device /*device*/) { return false; }
#endif

}  // namespace

FlashPlan::FlashPlan(std::span<const Segment> segments, torch::Device device) {
  std::vector<bool> has_children(segments.size());
  for (const Segment& segment : segments) {
    if (segment.parent >= 0) has_children[static_cast<std::size_t>(segment.parent)] = true;
  }
  auto parts = std::make_shared<Parts>();
  std::vector<std::int32_t> own;
  std::vector<std::int32_t> parents;
  std::vector<std::int32_t> children;
  places_.resize(segments.empty() ? 0 : static_cast<std::size_t>(segments.back().end));
  const auto append = [&](const Segment& segment) {
    for (std::int64_t token = segment.begin; token < segment.end; ++token) {
      places_[static_cast<std::size_t>(token)] = std::ssize(order_);
      order_.push_back(token);
    }
    own.push_back(static_cast<std::int32_t>(segment.end - segment.begin));
    return own.back();
  };
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].parent < 0 && !has_children[i]) append(segments[i]);
  }
  parts->first_parent = std::ssize(order_);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (has_children[i]) parents.push_back(append(segments[i]));
  }
  parts->first_child = std::ssize(order_);
  std::int64_t parent = -1;
  for (const Segment& segment : segments) {
    if (segment.parent < 0) continue;
    const std::int32_t length = append(segment);
    if (segment.parent != parent) children.push_back(0);
    children.back() += length;
    parent = segment.parent;
  }
  MEMAGENT_CHECK(children.size() == parents.size(), "{} parents, {} runs of children",
                 parents.size(), children.size());
  parts->own = runs_of(own, device);
  parts->parents = runs_of(parents, device);
  parts->children = runs_of(children, device);
  parts_ = std::move(parts);
}

torch::Tensor FlashPlan::attention(const torch::Tensor& q, const torch::Tensor& k,
                                   const torch::Tensor& v) const {
#if TORCH_VERSION_MAJOR >= 2
  return FlashAttention::apply(q, k, v, parts_);
#else
  MEMAGENT_CHECK(false, "LibTorch {} has no FlashAttention for {} tokens", TORCH_VERSION,
                 q.size(0) + k.size(0) + v.size(0));
#endif
}

bool takes_flash(torch::Device device, torch::ScalarType type, std::int64_t head_dim) {
  if (!device.is_cuda() || type != torch::kBFloat16 || head_dim % 8 != 0 || head_dim > 256) {
    return false;
  }
  static const bool kAnswer = kernels_answer(device);  // a process computes on one device
  return kAnswer;
}

}  // namespace memagent
