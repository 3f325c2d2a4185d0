#include "train/normal.h"

#include <torch/types.h>

#include <cmath>

#include "base/random.h"

namespace memagent {

// Box-Muller on counter-based draws.
void fill_normal(torch::Tensor view, std::uint64_t key, double deviation) {
  torch::Tensor values = torch::empty(view.sizes(), torch::kFloat);
  float* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); i += 2) {
    const auto counter = static_cast<std::uint64_t>(i);
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(key, counter)));
    const double angle = 2.0 * M_PI * uniform(key, counter + 1);
    data[i] = static_cast<float>(deviation * radius * std::cos(angle));
    if (i + 1 < values.numel()) {
      data[i + 1] = static_cast<float>(deviation * radius * std::sin(angle));
    }
  }
  view.copy_(values);
}

}  // namespace memagent
