#include "train/advantage.h"

#include <algorithm>
#include <cmath>

namespace memagent {

bool teaches(std::span<const double> rewards) {
  return std::any_of(rewards.begin(), rewards.end(),
                     [&](double reward) { return reward != rewards.front(); });
}

std::vector<double> group_advantages(std::span<const double> rewards,
                                     const AdvantageOptions& options) {
  std::vector<double> advantages(rewards.size(), 0.0);
  if (!teaches(rewards)) return advantages;
  const auto count = static_cast<double>(rewards.size());
  double mean = 0;
  for (const double reward : rewards) mean += reward / count;
  double variance = 0;
  for (const double reward : rewards) variance += (reward - mean) * (reward - mean) / count;
  const double scale = options.divide_by_deviation ? 1 / std::sqrt(variance) : 1;
  for (std::size_t i = 0; i < rewards.size(); ++i) advantages[i] = (rewards[i] - mean) * scale;
  return advantages;
}

double overlong_penalty(std::int64_t tokens, std::int64_t limit, std::int64_t buffer) {
  if (buffer <= 0) return 0;
  const double over = static_cast<double>(tokens - (limit - buffer));
  return -std::clamp(over / static_cast<double>(buffer), 0.0, 1.0);
}

}  // namespace memagent
