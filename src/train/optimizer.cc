#include "train/optimizer.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/fail.h"
#include "train/cuda_ops.h"
#include "train/row_ops.h"

namespace memagent {
namespace {

// Elements a thread takes at a time.
constexpr std::int64_t kGrain = 1 << 15;

bool fused(const torch::Tensor& value) {
  return value.is_cpu() && value.scalar_type() == torch::kFloat && value.is_contiguous();
}

void fused_step(const AdamWStep& step, const torch::Tensor& gradient, torch::Tensor& value,
                torch::Tensor& first, torch::Tensor& second) {
  const torch::Tensor g = gradient.contiguous();
  const float* from = g.data_ptr<float>();
  float* w = value.data_ptr<float>();
  float* m = first.data_ptr<float>();
  float* v = second.data_ptr<float>();
  at::parallel_for(0, g.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    row_ops().adamw(step, from + begin, end - begin, w + begin, m + begin, v + begin);
  });
}

// Of all gradients. In double: a float32 sum of millions of squares loses digits. A device is
// waited for once, not once for each of them.
double sum_of_squares(const std::vector<Parameter>& parameters) {
  std::vector<torch::Tensor> gradients;
  for (const Parameter& parameter : parameters) {
    if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad());
  }
  if (gradients.empty()) return 0;
  if (gradients.front().is_cuda()) {
    const torch::Tensor norms = torch::stack(at::_foreach_norm(gradients)).to(torch::kDouble);
    return torch::sum(norms * norms).item<double>();
  }
  double squares = 0;
  for (const torch::Tensor& gradient : gradients) {
    squares += torch::sum(gradient * gradient, torch::kDouble).item<double>();
  }
  return squares;
}

// The definition, in torch's operations: for other devices and types.
void composed_step(const AdamWStep& step, const torch::Tensor& gradient, torch::Tensor& value,
                   torch::Tensor& first, torch::Tensor& second) {
  const torch::Tensor g = gradient * step.gradient_scale;
  first.mul_(step.beta1).add_(g, 1.0 - step.beta1);
  second.mul_(step.beta2).addcmul_(g, g, 1.0 - step.beta2);
  value.mul_(1.0 - static_cast<double>(step.rate) * step.decay);
  const torch::Tensor below = (second / step.correction2).sqrt_().add_(step.epsilon);
  value.addcdiv_(first, below, -static_cast<double>(step.rate) / step.correction1);
}

}  // namespace

Optimizer::Optimizer(const std::vector<Parameter>& parameters, const OptimizerConfig& config)
    : parameters_(parameters), config_(config) {
  for (const Parameter& parameter : parameters_) {
    const torch::Tensor value = parameter.value.detach();
    moments_.push_back({torch::zeros_like(value), torch::zeros_like(value),
                        averages() ? value.clone() : torch::Tensor()});
  }
}

double Optimizer::rate(double progress) const {
  const double warmth =
      config_.warmup_steps <= 0
          ? 1
          : std::min(1.0, static_cast<double>(steps_) / static_cast<double>(config_.warmup_steps));
  const double over = std::clamp(progress, 0.0, 1.0);
  double share = 1;
  if (config_.schedule == Schedule::kLinear) share = 1 - over;
  if (config_.schedule == Schedule::kCosine) share = 0.5 * (1 + std::cos(M_PI * over));
  if (config_.schedule != Schedule::kConstant) {
    share = config_.final_share + (1 - config_.final_share) * share;
  }
  return config_.learning_rate * warmth * share;
}

Optimizer::Step Optimizer::step(double count, double progress) {
  const torch::NoGradGuard no_gradients;
  Step done;
  done.gradient_norm = std::sqrt(sum_of_squares(parameters_)) / count;
  if (!std::isfinite(done.gradient_norm)) {
    done.skipped = true;
    clear_gradients();
    if (++skipped_in_a_row_ >= config_.most_skipped) {
      fail(ErrorKind::kModel,
           "training: {} steps in a row had a gradient that is not finite: lower the learning rate",
           skipped_in_a_row_);
    }
    return done;
  }
  skipped_in_a_row_ = 0;
  ++steps_;
  done.rate = rate(progress);
  double scale = 1 / count;
  if (config_.clip_norm > 0 && done.gradient_norm > config_.clip_norm) {
    scale *= config_.clip_norm / done.gradient_norm;
  }
  const auto t = static_cast<double>(steps_);
  AdamWStep step;
  step.rate = static_cast<float>(done.rate);
  step.beta1 = static_cast<float>(config_.beta1);
  step.beta2 = static_cast<float>(config_.beta2);
  step.epsilon = static_cast<float>(config_.epsilon);
  step.correction1 = static_cast<float>(1 - std::pow(config_.beta1, t));
  step.correction2 = static_cast<float>(1 - std::pow(config_.beta2, t));
  step.gradient_scale = static_cast<float>(scale);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor value = parameters_[i].value.detach();
    // A weight that nothing reached has a gradient of zero, which moments and decay do not stop at.
    const torch::Tensor& reached = parameters_[i].value.grad();
    const torch::Tensor gradient = reached.defined() ? reached : torch::zeros_like(value);
    step.decay = parameters_[i].decays ? static_cast<float>(config_.weight_decay) : 0.0F;
    Moments& moments = moments_[i];
    if (cuda::takes_steps(value)) {
      cuda::adamw(step, gradient, value, moments.first, moments.second, moments.average,
                  config_.average);
      continue;
    }
    (fused(value) ? fused_step : composed_step)(step, gradient, value, moments.first,
                                                moments.second);
    if (averages()) moments.average.lerp_(value, 1 - config_.average);
  }
  clear_gradients();
  return done;
}

void Optimizer::clear_gradients() {
  for (Parameter& parameter : parameters_) parameter.value.mutable_grad().reset();
}

void Optimizer::swap_average() {
  if (!averages()) return;
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor value = parameters_[i].value.detach();
    const torch::Tensor trained = value.clone();
    value.copy_(moments_[i].average);
    moments_[i].average.copy_(trained);
  }
}

std::vector<Optimizer::Named> Optimizer::state() const {
  std::vector<Named> named;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    named.push_back({"adam.first." + parameters_[i].name, moments_[i].first});
    named.push_back({"adam.second." + parameters_[i].name, moments_[i].second});
    if (averages()) named.push_back({"average." + parameters_[i].name, moments_[i].average});
  }
  return named;
}

}  // namespace memagent
