#include "train/advantage.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace memagent {
namespace {

// Rewards are sums of fractions: those that are as near are the same but for rounding, which a
// deviation of 1e-17 to divide by would make as large as any difference.
constexpr double kSame = 1e-9;

// Advantages of own rewards, each among those at the same place.
std::vector<std::vector<double>> own_advantages(std::span<const ScoredTrajectory> group,
                                                bool divide_by_deviation) {
  struct Place {
    std::vector<double> rewards;
    std::vector<double*> advantages;  // where they go
  };
  std::map<std::pair<std::int32_t, std::int64_t>, Place> places;
  std::vector<std::vector<double>> own(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    own[i].resize(group[i].conversations.size());
    for (std::size_t c = 0; c < own[i].size(); ++c) {
      Place& place = places[group[i].conversations[c].place];
      place.rewards.push_back(group[i].conversations[c].own_reward);
      place.advantages.push_back(&own[i][c]);
    }
  }
  for (const auto& [where, place] : places) {
    const std::vector<double> values = group_advantages(place.rewards, divide_by_deviation);
    for (std::size_t i = 0; i < values.size(); ++i) *place.advantages[i] = values[i];
  }
  return own;
}

}  // namespace

bool teaches(std::span<const double> rewards) {
  return std::any_of(rewards.begin(), rewards.end(),
                     [&](double reward) { return std::abs(reward - rewards.front()) > kSame; });
}

bool teaches(std::span<const std::vector<double>> advantages) {
  return std::any_of(advantages.begin(), advantages.end(), [](const auto& of_trajectory) {
    return std::any_of(of_trajectory.begin(), of_trajectory.end(),
                       [](double advantage) { return std::abs(advantage) > kSame; });
  });
}

std::vector<double> group_advantages(std::span<const double> rewards, bool divide_by_deviation) {
  std::vector<double> advantages(rewards.size(), 0.0);
  if (!teaches(rewards)) return advantages;
  const auto count = static_cast<double>(rewards.size());
  double mean = 0;
  for (const double reward : rewards) mean += reward / count;
  double variance = 0;
  for (const double reward : rewards) variance += (reward - mean) * (reward - mean) / count;
  const double scale = divide_by_deviation ? 1 / std::sqrt(variance) : 1;
  for (std::size_t i = 0; i < rewards.size(); ++i) advantages[i] = (rewards[i] - mean) * scale;
  return advantages;
}

std::vector<std::vector<double>> conversation_advantages(std::span<const ScoredTrajectory> group,
                                                         const AdvantageOptions& options) {
  const bool own_counts = options.credit == Credit::kOwn || options.own_weight > 0;
  const double own_weight = options.credit == Credit::kOwn ? 1 : options.own_weight;
  std::vector<double> rewards;
  for (const ScoredTrajectory& trajectory : group) rewards.push_back(trajectory.reward);
  const std::vector<double> shared = group_advantages(rewards, options.divide_by_deviation);
  std::vector<std::vector<double>> own;
  if (own_counts) own = own_advantages(group, options.divide_by_deviation);

  std::vector<std::vector<double>> advantages(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    for (std::size_t c = 0; c < group[i].conversations.size(); ++c) {
      const bool answer = group[i].conversations[c].place.second < 0;
      const bool pushed =
          options.credit == Credit::kAll || (options.credit == Credit::kAnswer && answer);
      advantages[i].push_back((pushed ? shared[i] : 0) + (own_counts ? own_weight * own[i][c] : 0));
    }
  }
  return advantages;
}

double overlong_penalty(std::int64_t tokens, std::int64_t limit, std::int64_t buffer) {
  if (buffer <= 0) return 0;
  const double over = static_cast<double>(tokens - (limit - buffer));
  return -std::clamp(over / static_cast<double>(buffer), 0.0, 1.0);
}

}  // namespace memagent
