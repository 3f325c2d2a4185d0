#include "task/depths.h"

#include "base/random.h"
#include "task/unit_sample.h"

namespace memagent {
namespace {

constexpr std::uint64_t kPurpose = 0xDE97;

// The bits of `index` mirrored at the binary point.
double radical_inverse(std::uint64_t index) {
  double value = 0;
  for (double share = 0.5; index != 0; index >>= 1, share /= 2) {
    if ((index & 1) != 0) value += share;
  }
  return value;
}

}  // namespace

std::vector<double> spread_depths(std::string_view task, const SampleSpec& spec, int count) {
  SampleSpec first = spec;
  first.index = 0;
  const double shift = uniform(row_key(task, first), kPurpose);  // the same for all rows of a set
  RandomStream draw(derive(row_key(task, spec), kPurpose));
  std::vector<double> depths;
  for (int i = 0; i < count; ++i) {
    const double jitter = i == 0 ? 0 : (draw.uniform() - 0.5) / 2;
    const double depth =
        radical_inverse(static_cast<std::uint64_t>(spec.index)) + shift + (i + jitter) / count;
    depths.push_back(depth - static_cast<double>(static_cast<int>(depth)));
  }
  return depths;
}

}  // namespace memagent
