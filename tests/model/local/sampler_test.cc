// Draws against probabilities worked out by hand.
#include "model/local/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "base/random.h"

namespace memagent {
namespace {

// Probabilities 0.5, 0.25, 0.125, 0.125.
const std::vector<float> kLogits{std::log(4.0F), std::log(2.0F), 0.0F, 0.0F};

std::map<TokenId, double> frequencies(const Sampling& sampling, int draws = 20'000) {
  std::map<TokenId, double> counts;
  for (int i = 0; i < draws; ++i) {
    counts[sample(best_kernels(), kLogits, sampling, i, false).token] += 1.0 / draws;
  }
  return counts;
}

TEST(Sampler, GreedyTakesTheFirstOfEqualsAndItsProbability) {
  const std::vector<float> logits{0.0F, 1.0F, 1.0F};
  const SampledToken sampled = sample(best_kernels(), logits, {}, 0, true);
  EXPECT_EQ(sampled.token, 1);
  // 1 - log(1 + 2e) by hand.
  EXPECT_NEAR(sampled.logprob, 1.0 - std::log(1.0 + 2.0 * std::exp(1.0)), 1e-6);
}

TEST(Sampler, FrequenciesFollowTheDistribution) {
  // The draws are fixed by the seed, so these cannot flake; the bound is 4 standard deviations.
  const auto counts = frequencies({.temperature = 1.0F, .seed = 3});
  EXPECT_NEAR(counts.at(0), 0.5, 0.015);
  EXPECT_NEAR(counts.at(1), 0.25, 0.013);
  EXPECT_NEAR(counts.at(2), 0.125, 0.01);
  EXPECT_NEAR(counts.at(3), 0.125, 0.01);
}

TEST(Sampler, TemperatureSharpens) {
  // At temperature 0.5 probabilities go with squares: 16, 4, 1, 1 of 22.
  const auto counts = frequencies({.temperature = 0.5F, .seed = 3});
  EXPECT_NEAR(counts.at(0), 16.0 / 22, 0.013);
  EXPECT_NEAR(counts.at(1), 4.0 / 22, 0.011);
}

TEST(Sampler, FiltersKeepWhatTheySay) {
  const auto top_k = frequencies({.temperature = 1.0F, .top_k = 2, .seed = 1});
  EXPECT_EQ(top_k.size(), 2U);
  EXPECT_NEAR(top_k.at(0), 2.0 / 3, 0.014);
  // 0.5 alone is not 0.6, with 0.25 it is.
  const auto top_p = frequencies({.temperature = 1.0F, .top_p = 0.6F, .seed = 1});
  EXPECT_EQ(top_p.size(), 2U);
  // A quarter of 0.5 is 0.125: all stay; a little more and two go.
  EXPECT_EQ(frequencies({.temperature = 1.0F, .min_p = 0.249F, .seed = 1}).size(), 4U);
  EXPECT_EQ(frequencies({.temperature = 1.0F, .min_p = 0.26F, .seed = 1}).size(), 2U);
  EXPECT_EQ(frequencies({.temperature = 1.0F, .top_k = 1, .seed = 1}).size(), 1U);
  EXPECT_EQ(frequencies({.temperature = 1.0F, .top_p = 0.0F, .seed = 1}).size(), 1U);
}

TEST(Sampler, ADrawIsAFunctionOfSeedAndPosition) {
  const Sampling sampling{.temperature = 1.0F, .seed = 9};
  std::vector<TokenId> forwards;
  for (int i = 0; i < 50; ++i)
    forwards.push_back(sample(best_kernels(), kLogits, sampling, i, false).token);
  for (int i = 50; i-- > 0;) {
    EXPECT_EQ(sample(best_kernels(), kLogits, sampling, i, true).token,
              forwards[static_cast<std::size_t>(i)]);
  }
  const auto other = frequencies({.temperature = 1.0F, .seed = 10}, 50);
  EXPECT_NE(other, frequencies(sampling, 50));
}

TEST(Sampler, LogProbabilityIsBeforeFiltersAtTheTemperature) {
  const SampledToken sampled =
      sample(best_kernels(), kLogits, {.temperature = 0.5F, .top_k = 1, .seed = 1}, 0, true);
  EXPECT_EQ(sampled.token, 0);
  EXPECT_NEAR(sampled.logprob, std::log(16.0 / 22.0), 1e-6);
}

TEST(Sampler, NotANumberIsNeverChosen) {
  const std::vector<float> logits{std::numeric_limits<float>::quiet_NaN(), 0.0F, 1.0F};
  EXPECT_EQ(sample(best_kernels(), logits, {}, 0, false).token, 2);
}

TEST(Sampler, NothingIsChosenOfNumbersThatAreNone) {
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  for (const float value : {std::nanf(""), kInfinite, -kInfinite}) {
    const std::vector<float> logits(5, value);
    for (const Sampling& sampling :
         {Sampling{}, Sampling{.temperature = 1.0F}, Sampling{.temperature = 1.0F, .top_k = 2},
          Sampling{.temperature = 1.0F, .top_p = 0.5F},
          Sampling{.temperature = 1.0F, .min_p = 0.5F}}) {
      EXPECT_EQ(sample(best_kernels(), logits, sampling, 0, true).token, kNoToken) << value;
    }
  }
}

// Only the beginning of a large vocabulary is sorted, and draws are those of all of it sorted.
TEST(Sampler, TopPOfALargeVocabularyIsExact) {
  RandomStream random(7);
  for (const double spread : {0.01, 1.0, 4.0}) {
    std::vector<float> logits;
    for (int i = 0; i < 20'000; ++i) {
      logits.push_back(static_cast<float>(std::round(8 * spread * random.uniform()) / 8));
    }
    std::vector<TokenId> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater<>(),
                             [&](TokenId id) { return logits[static_cast<std::size_t>(id)]; });
    const double max = logits[static_cast<std::size_t>(order[0])];
    const auto weight = [&](TokenId id) {
      return std::exp(static_cast<double>(logits[static_cast<std::size_t>(id)]) - max);
    };
    double total = 0;
    for (const TokenId id : order) total += weight(id);
    for (const float top_p : {0.001F, 0.3F, 0.9F}) {
      double kept = 0;
      std::size_t count = 0;
      while (count == 0 || kept < double{top_p} * total) kept += weight(order[count++]);
      const std::set<TokenId> nucleus(order.begin(),
                                      order.begin() + static_cast<std::ptrdiff_t>(count));
      std::set<TokenId> drawn;
      for (int i = 0; i < 300; ++i) {
        drawn.insert(sample(best_kernels(), logits,
                            {.temperature = 1.0F, .top_p = top_p, .seed = 2}, i, false)
                         .token);
      }
      EXPECT_TRUE(std::ranges::includes(nucleus, drawn)) << spread << " " << top_p;
      EXPECT_GT(drawn.size(), count < 3 ? 0U : 2U);
    }
  }
}

}  // namespace
}  // namespace memagent
