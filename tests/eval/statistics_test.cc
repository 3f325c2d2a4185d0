// Expected values are worked by hand; the arithmetic stands beside them.
#include "eval/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace memagent {
namespace {

constexpr std::uint64_t kSeed = 7;

TEST(Estimate, OfEqualScoresIsNeverCertain) {
  // ln 0.05 = -2.995732; / 8 = -0.374467; e^ that = 0.687656.
  const Estimate right = estimate(std::vector<double>(8, 1.0), kSeed);
  EXPECT_EQ(right.n, 8);
  EXPECT_EQ(right.mean, 1.0);
  EXPECT_NEAR(right.low, 0.687656, 1e-6);
  EXPECT_EQ(right.high, 1.0);
  const Estimate wrong = estimate(std::vector<double>(8, 0.0), kSeed);
  EXPECT_EQ(wrong.low, 0.0);
  EXPECT_NEAR(wrong.high, 1 - 0.687656, 1e-6);
  // The rule of three: 1 - 3/100.
  EXPECT_NEAR(estimate(std::vector<double>(100, 1.0), kSeed).low, 0.97, 0.001);
  // One row tells next to nothing: 0.05^1.
  EXPECT_NEAR(estimate(std::vector<double>{1.0}, kSeed).low, 0.05, 1e-12);
}

TEST(Estimate, OfEqualPartialScores) {
  // p0 = 0.05^(1/4) = e^(-0.748933) = 0.472871; low = p0 * 0.25, high = p0 * 0.25 + 1 - p0.
  const Estimate quarter = estimate(std::vector<double>(4, 0.25), kSeed);
  EXPECT_EQ(quarter.mean, 0.25);
  EXPECT_NEAR(quarter.low, 0.118218, 1e-6);
  EXPECT_NEAR(quarter.high, 0.645347, 1e-6);
}

TEST(Estimate, OfTwoScoresSpansBoth) {
  // Resamples of {0, 1} have the means 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the 50th of 2,000 from
  // either end is 0 and 1.
  const Estimate two = estimate(std::vector<double>{0, 1}, kSeed);
  EXPECT_EQ(two.mean, 0.5);
  EXPECT_EQ(two.low, 0.0);
  EXPECT_EQ(two.high, 1.0);
}

TEST(Estimate, OfManyScoresIsTheNormalOne) {
  // 400 scores, 300 right: 0.75 +- 1.96 sqrt(0.75 * 0.25 / 400) = 0.75 +- 0.042435. The quantiles
  // of 2,000 resamples are off by about sqrt(0.025 * 0.975 / 2000) / 0.0584 = 0.06 standard
  // deviations of 0.0217, and means come in steps of 1/400: 0.005 is above three times both.
  std::vector<double> scores(400, 0.0);
  std::fill_n(scores.begin(), 300, 1.0);
  const Estimate many = estimate(scores, kSeed);
  EXPECT_DOUBLE_EQ(many.mean, 0.75);
  EXPECT_NEAR(many.low, 0.75 - 0.042435, 0.005);
  EXPECT_NEAR(many.high, 0.75 + 0.042435, 0.005);
}

TEST(Estimate, IsAFunctionOfScoresAndSeed) {
  std::vector<double> scores;
  for (std::uint64_t i = 0; i < 50; ++i) scores.push_back(uniform(3, i));
  const Estimate once = estimate(scores, kSeed);
  const Estimate again = estimate(scores, kSeed);
  const Estimate other = estimate(scores, kSeed + 1);
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  EXPECT_NE(once.low, other.low);
  EXPECT_LT(once.low, once.mean);
  EXPECT_GT(once.high, once.mean);
}

TEST(Difference, OfEqualOnes) {
  // p0 = 0.05^(1/20) = e^(-0.149787) = 0.860891: at least that share differs by 0, the rest by
  // anything from -1 to 1.
  const Estimate none = estimate_difference(std::vector<double>(20, 0.0), kSeed);
  EXPECT_EQ(none.mean, 0.0);
  EXPECT_NEAR(none.low, -0.139109, 1e-6);
  EXPECT_NEAR(none.high, 0.139109, 1e-6);
}

TEST(Difference, MayBeNegative) {
  std::vector<double> differences(30, 0.0);
  std::fill_n(differences.begin(), 15, -1.0);
  const Estimate worse = estimate_difference(differences, kSeed);
  EXPECT_DOUBLE_EQ(worse.mean, -0.5);
  EXPECT_LT(worse.low, -0.5);
  EXPECT_LT(worse.high, 0.0);
}

TEST(MeanOf, AddsSquares) {
  // Means 0.5 and 0.9; half-widths below 0.3 and 0.4 make sqrt(0.09 + 0.16) / 2 = 0.25, above 0.06
  // and 0.08 make sqrt(0.0036 + 0.0064) / 2 = 0.05.
  const std::vector<Estimate> two = {{10, 0.5, 0.2, 0.56}, {20, 0.9, 0.5, 0.98}};
  const Estimate mean = mean_of(two);
  EXPECT_EQ(mean.n, 30);
  EXPECT_NEAR(mean.mean, 0.7, 1e-12);
  EXPECT_NEAR(mean.low, 0.45, 1e-12);
  EXPECT_NEAR(mean.high, 0.75, 1e-12);
}

}  // namespace
}  // namespace memagent
