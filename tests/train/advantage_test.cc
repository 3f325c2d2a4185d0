// Advantages worked out by hand.
#include "train/advantage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace memagent {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(Advantage, IsTheDistanceFromTheGroupsMean) {
  // Mean (1 + 0 + 0.5 + 0.5) / 4 = 0.5.
  EXPECT_THAT(group_advantages(std::vector<double>{1, 0, 0.5, 0.5}, {}),
              ElementsAre(0.5, -0.5, 0, 0));
}

TEST(Advantage, DividedByTheDeviation) {
  // Mean 0.25; squares 0.5625, 3 times 0.0625: variance 0.75 / 4 = 0.1875, deviation 0.4330127.
  // 0.75 / 0.4330127 = 1.7320508, -0.25 / 0.4330127 = -0.5773503.
  AdvantageOptions options;
  options.divide_by_deviation = true;
  EXPECT_THAT(group_advantages(std::vector<double>{1, 0, 0, 0}, options),
              ElementsAre(DoubleNear(1.7320508, 1e-7), DoubleNear(-0.5773503, 1e-7),
                          DoubleNear(-0.5773503, 1e-7), DoubleNear(-0.5773503, 1e-7)));
}

TEST(Advantage, OfOneOrOfEqualsIsZero) {
  AdvantageOptions divided;
  divided.divide_by_deviation = true;
  for (const AdvantageOptions& options : {AdvantageOptions{}, divided}) {
    EXPECT_THAT(group_advantages(std::vector<double>{1}, options), ElementsAre(0));
    // A third is not a binary fraction: a mean of thirds need not be a third.
    const double third = 1.0 / 3;
    EXPECT_THAT(group_advantages(std::vector<double>{third, third, third}, options),
                ElementsAre(0, 0, 0));
    EXPECT_TRUE(group_advantages({}, options).empty());
  }
}

TEST(Advantage, FollowsItsTrajectoryInAnyOrder) {
  std::vector<double> rewards = {0.1, 0.9, 0.4, 0.4, 0.7};
  const auto forward = group_advantages(rewards, {});
  std::reverse(rewards.begin(), rewards.end());
  auto backward = group_advantages(rewards, {});
  std::reverse(backward.begin(), backward.end());
  for (std::size_t i = 0; i < forward.size(); ++i) EXPECT_NEAR(forward[i], backward[i], 1e-15);
}

TEST(Advantage, GroupsThatTeachHaveDifferentRewards) {
  EXPECT_FALSE(teaches(std::vector<double>{}));
  EXPECT_FALSE(teaches(std::vector<double>{0.3}));
  EXPECT_FALSE(teaches(std::vector<double>{1, 1, 1}));
  EXPECT_TRUE(teaches(std::vector<double>{1, 1, 0}));
}

// Limit 100, buffer 20: nothing up to 80, then -1/20 a token, -1 from 100 on.
TEST(Advantage, PenaltyForLength) {
  EXPECT_EQ(overlong_penalty(0, 100, 20), 0);
  EXPECT_EQ(overlong_penalty(80, 100, 20), 0);
  EXPECT_DOUBLE_EQ(overlong_penalty(85, 100, 20), -0.25);
  EXPECT_EQ(overlong_penalty(100, 100, 20), -1);
  EXPECT_EQ(overlong_penalty(500, 100, 20), -1);
  EXPECT_EQ(overlong_penalty(500, 100, 0), 0);
}

}  // namespace
}  // namespace memagent
