#include "train/token_logprobs.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <cmath>

#include "train/row_ops.h"

namespace memagent {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of logits at a time: a vocabulary of 4,096 in float32 makes 8 MB of them. A device wants
// enough work at once, and has the memory: 256 MB.
constexpr std::int64_t kChunkLogits = 2 << 20;
constexpr std::int64_t kDeviceChunkLogits = 64 << 20;

std::int64_t chunk_rows(const torch::Tensor& weight) {
  return std::max<std::int64_t>(
      16, (weight.is_cpu() ? kChunkLogits : kDeviceChunkLogits) / weight.size(0));
}

// Types of 8 or 11 bits: too few for a sum over a vocabulary, or over chunks.
bool is_low(const torch::Tensor& x) {
  return x.scalar_type() == torch::kBFloat16 || x.scalar_type() == torch::kHalf;
}

bool fused(const torch::Tensor& x) { return x.is_cpu() && x.scalar_type() == torch::kFloat; }

torch::Tensor logits_of(const torch::Tensor& hidden, const torch::Tensor& weight,
                        double temperature) {
  torch::Tensor logits = torch::mm(hidden, weight.t());
  if (is_low(logits)) logits = logits.to(torch::kFloat);
  return temperature == 1.0 ? logits : logits.div_(temperature);
}

// One pass over float logits in place of torch's several: denominators' logarithms.
void row_denominators(torch::Tensor& logits, torch::Tensor& denominators) {
  const std::int64_t vocab = logits.size(1);
  float* data = logits.data_ptr<float>();
  float* out = denominators.data_ptr<float>();
  at::parallel_for(0, logits.size(0), 4, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      float max = 0;
      float sum = 0;
      row_ops().exp_row(data + r * vocab, vocab, vocab, &max, &sum);
      out[r] = max + std::log(sum);
    }
  });
}

class Logprobs : public torch::autograd::Function<Logprobs> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets,
                               bool with_entropy, double temperature) {
    const std::int64_t rows = hidden.size(0);
    const auto options =
        hidden.options().dtype(is_low(hidden) ? torch::kFloat : hidden.scalar_type());
    torch::Tensor logprobs = torch::empty({rows}, options);
    torch::Tensor denominators = torch::empty({rows}, options);
    torch::Tensor entropy = torch::zeros({with_entropy ? rows : 0}, options);
    const std::int64_t chunk = chunk_rows(weight);
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
      const std::int64_t end = std::min(rows, begin + chunk);
      torch::Tensor logits = logits_of(hidden.slice(0, begin, end), weight, temperature);
      const torch::Tensor picked =
          logits.gather(1, targets.slice(0, begin, end).unsqueeze(1)).squeeze(1);
      torch::Tensor lse = denominators.slice(0, begin, end);
      if (fused(logits) && !with_entropy) {
        row_denominators(logits, lse);
      } else {
        lse.copy_(torch::logsumexp(logits, 1));
      }
      logprobs.slice(0, begin, end).copy_(picked - lse);
      if (with_entropy) {
        const torch::Tensor p = (logits - lse.unsqueeze(1)).exp_();
        entropy.slice(0, begin, end).copy_(lse - (p.mul_(logits)).sum(1));
      }
    }
    context->save_for_backward({hidden, weight, targets, denominators, entropy});
    context->saved_data["with_entropy"] = with_entropy;
    context->saved_data["temperature"] = temperature;
    context->saved_data["weight_learns"] = weight.requires_grad();
    return {logprobs, entropy};
  }

  // With p the softmax and L the loss: dL/dlogits[v] = dlogprob ([v is the target] - p[v])
  //   - dentropy p[v] (log p[v] + entropy)
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor& hidden = saved[0];
    const torch::Tensor& weight = saved[1];
    const torch::Tensor& targets = saved[2];
    const torch::Tensor& denominators = saved[3];
    const torch::Tensor& entropy = saved[4];
    const bool with_entropy =
        context->saved_data["with_entropy"].toBool() && gradients[1].defined();
    const double temperature = context->saved_data["temperature"].toDouble();
    const std::int64_t rows = hidden.size(0);
    const torch::Tensor dlogprobs =
        gradients[0].defined() ? gradients[0] : torch::zeros_like(denominators);
    torch::Tensor dhidden = torch::empty_like(hidden);
    // Frozen under adapters: a product of the vocabulary's size less.
    const bool weight_learns = context->saved_data["weight_learns"].toBool();
    torch::Tensor dweight;
    if (weight_learns) dweight = torch::zeros_like(weight, denominators.options());
    const std::int64_t chunk = chunk_rows(weight);
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
      const std::int64_t end = std::min(rows, begin + chunk);
      const torch::Tensor part = hidden.slice(0, begin, end);
      const torch::Tensor d = dlogprobs.slice(0, begin, end).unsqueeze(1);
      torch::Tensor logits = logits_of(part, weight, temperature);
      logits.sub_(denominators.slice(0, begin, end).unsqueeze(1));  // log p
      torch::Tensor dlogits;
      if (with_entropy) {
        const torch::Tensor de = gradients[1].slice(0, begin, end).unsqueeze(1);
        const torch::Tensor p = logits.exp();
        logits.add_(entropy.slice(0, begin, end).unsqueeze(1)).mul_(de).add_(d).mul_(p).neg_();
        dlogits = logits;
      } else {
        dlogits = logits.exp_().mul_(-d);
      }
      dlogits.scatter_add_(1, targets.slice(0, begin, end).unsqueeze(1), d.contiguous());
      if (temperature != 1.0) dlogits.div_(temperature);
      dlogits = dlogits.to(hidden.scalar_type());
      dhidden.slice(0, begin, end).copy_(torch::mm(dlogits, weight));
      if (!weight_learns) continue;
      if (is_low(weight)) {
        dweight.add_(torch::mm(dlogits.t(), part));
      } else {
        dweight.addmm_(dlogits.t(), part);
      }
    }
    // Autograd hands on a gradient of the weight's type: rounded once.
    if (weight_learns) dweight = dweight.to(weight.scalar_type());
    return {dhidden, dweight, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

TokenLogprobs token_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& targets, bool with_entropy, double temperature) {
  const variable_list both = Logprobs::apply(hidden, weight, targets, with_entropy, temperature);
  return {both[0], with_entropy ? both[1] : torch::Tensor()};
}

}  // namespace memagent
