#include "train/advantage.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace memagent {
namespace {

// Rewards are sums of fractions: those that are as near are the same but for rounding, which a
// deviation of 1e-17 to divide by would make as large as any difference.
constexpr double kSame = 1e-9;

// Of the reward that `reward_of(trajectory, conversation)` tells, each among those at the same
// place, and with the same prompt if so asked for.
template <typename RewardOf>
std::vector<std::vector<double>> compared(std::span<const ScoredTrajectory> group,
                                          const AdvantageOptions& options,
                                          const RewardOf& reward_of) {
  struct Alike {
    std::vector<double> rewards;
    std::vector<double*> advantages;  // where they go
  };
  std::map<std::tuple<std::int32_t, std::int64_t, std::uint64_t>, Alike> alike;
  std::vector<std::vector<double>> advantages(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    advantages[i].resize(group[i].conversations.size());
    for (std::size_t c = 0; c < advantages[i].size(); ++c) {
      const ScoredConversation& said = group[i].conversations[c];
      const auto [pass, section] = said.place;
      Alike& with = alike[{pass, section, options.same_prompt ? said.prompt : 0}];
      with.rewards.push_back(reward_of(group[i], said));
      with.advantages.push_back(&advantages[i][c]);
    }
  }
  for (const auto& [where, with] : alike) {
    const std::vector<double> values = group_advantages(with.rewards, options.divide_by_deviation);
    for (std::size_t i = 0; i < values.size(); ++i) *with.advantages[i] = values[i];
  }
  return advantages;
}

// Of the trajectories' rewards: one for all conversations of each, unless prompts are told apart.
std::vector<std::vector<double>> shared_advantages(std::span<const ScoredTrajectory> group,
                                                   const AdvantageOptions& options) {
  if (options.same_prompt) {
    return compared(group, options, [](const ScoredTrajectory& of, const ScoredConversation&) {
      return of.reward;
    });
  }
  std::vector<double> rewards;
  for (const ScoredTrajectory& trajectory : group) rewards.push_back(trajectory.reward);
  const std::vector<double> values = group_advantages(rewards, options.divide_by_deviation);
  std::vector<std::vector<double>> advantages;
  for (std::size_t i = 0; i < group.size(); ++i) {
    advantages.emplace_back(group[i].conversations.size(), values[i]);
  }
  return advantages;
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
  const std::vector<std::vector<double>> shared = shared_advantages(group, options);
  std::vector<std::vector<double>> own;
  if (own_counts) {
    own = compared(group, options, [](const ScoredTrajectory&, const ScoredConversation& said) {
      return said.own_reward;
    });
  }

  std::vector<std::vector<double>> advantages(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    for (std::size_t c = 0; c < group[i].conversations.size(); ++c) {
      const bool answer = group[i].conversations[c].place.second < 0;
      const bool pushed =
          options.credit == Credit::kAll || (options.credit == Credit::kAnswer && answer);
      // The answer's own reward is the trajectory's, which counts once.
      const bool has_own = own_counts && (options.credit == Credit::kOwn || !answer);
      advantages[i].push_back((pushed ? shared[i][c] : 0) + (has_own ? own_weight * own[i][c] : 0));
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
