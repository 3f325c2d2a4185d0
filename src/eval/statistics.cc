#include "eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "base/random.h"

namespace memagent {
namespace {

constexpr std::size_t kResamples = 2000;
constexpr std::size_t kTail = kResamples / 40;  // 2.5% of them

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Values in [least, 1].
Estimate estimate_in(std::span<const double> values, double least, std::uint64_t seed) {
  MEMAGENT_CHECK(!values.empty(), "an estimate needs a value");
  const double n = static_cast<double>(values.size());
  Estimate result{static_cast<std::int64_t>(values.size()), mean(values), 0, 0};
  const bool equal =
      std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  if (equal) {
    const double share = std::pow(0.05, 1 / n);
    result.mean = values[0];
    result.low = share * values[0] + (1 - share) * least;
    result.high = share * values[0] + (1 - share);
    return result;
  }
  std::vector<double> means(kResamples);
  for (std::size_t i = 0; i < kResamples; ++i) {
    RandomStream random(derive(seed, i));
    double sum = 0;
    for (std::size_t j = 0; j < values.size(); ++j) sum += values[random.below(values.size())];
    means[i] = sum / n;
  }
  std::sort(means.begin(), means.end());
  result.low = means[kTail - 1];
  result.high = means[kResamples - kTail];
  return result;
}

}  // namespace

Estimate estimate(std::span<const double> scores, std::uint64_t seed) {
  return estimate_in(scores, 0, seed);
}

Estimate estimate_difference(std::span<const double> differences, std::uint64_t seed) {
  return estimate_in(differences, -1, seed);
}

Estimate mean_of(std::span<const Estimate> estimates) {
  MEMAGENT_CHECK(!estimates.empty(), "a mean needs an estimate");
  const double count = static_cast<double>(estimates.size());
  Estimate all;
  double below = 0;
  double above = 0;
  for (const Estimate& one : estimates) {
    all.n += one.n;
    all.mean += one.mean / count;
    below += (one.mean - one.low) * (one.mean - one.low);
    above += (one.high - one.mean) * (one.high - one.mean);
  }
  all.low = all.mean - std::sqrt(below) / count;
  all.high = all.mean + std::sqrt(above) / count;
  return all;
}

}  // namespace memagent
