// Advantages worked out by hand.
#include "train/advantage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace memagent {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(Advantage, IsTheDistanceFromTheGroupsMean) {
  // Mean (1 + 0 + 0.5 + 0.5) / 4 = 0.5.
  EXPECT_THAT(group_advantages(std::vector<double>{1, 0, 0.5, 0.5}, false),
              ElementsAre(0.5, -0.5, 0, 0));
}

TEST(Advantage, DividedByTheDeviation) {
  // Mean 0.25; squares 0.5625, 3 times 0.0625: variance 0.75 / 4 = 0.1875, deviation 0.4330127.
  // 0.75 / 0.4330127 = 1.7320508, -0.25 / 0.4330127 = -0.5773503.
  EXPECT_THAT(group_advantages(std::vector<double>{1, 0, 0, 0}, true),
              ElementsAre(DoubleNear(1.7320508, 1e-7), DoubleNear(-0.5773503, 1e-7),
                          DoubleNear(-0.5773503, 1e-7), DoubleNear(-0.5773503, 1e-7)));
}

TEST(Advantage, OfOneOrOfEqualsIsZero) {
  for (const bool divide : {false, true}) {
    EXPECT_THAT(group_advantages(std::vector<double>{1}, divide), ElementsAre(0));
    // A third is not a binary fraction: a mean of thirds need not be a third.
    const double third = 1.0 / 3;
    EXPECT_THAT(group_advantages(std::vector<double>{third, third, third}, divide),
                ElementsAre(0, 0, 0));
    EXPECT_TRUE(group_advantages({}, divide).empty());
  }
}

TEST(Advantage, FollowsItsTrajectoryInAnyOrder) {
  std::vector<double> rewards = {0.1, 0.9, 0.4, 0.4, 0.7};
  const auto forward = group_advantages(rewards, false);
  std::reverse(rewards.begin(), rewards.end());
  auto backward = group_advantages(rewards, false);
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
// 1 - 2/3 and 2/3 - 1/3 are not the same number, and the same reward.
TEST(Advantage, RoundingIsNoDifference) {
  const std::vector<double> rewards{1 - 2.0 / 3, 2.0 / 3 - 1.0 / 3, 1 - 2.0 / 3, 2.0 / 3 - 1.0 / 3};
  ASSERT_NE(rewards[0], rewards[1]);
  EXPECT_FALSE(teaches(rewards));
  EXPECT_THAT(group_advantages(rewards, true), testing::Each(0.0));
}

TEST(Advantage, GroupsTeachWhereAnyConversationIsPushed) {
  using Advantages = std::vector<std::vector<double>>;
  EXPECT_FALSE(teaches(Advantages{}));
  EXPECT_FALSE(teaches(Advantages{{0, 0}, {0}}));
  EXPECT_TRUE(teaches(Advantages{{0, 0}, {0, -0.25}}));
}

TEST(Advantage, PenaltyForLength) {
  EXPECT_EQ(overlong_penalty(0, 100, 20), 0);
  EXPECT_EQ(overlong_penalty(80, 100, 20), 0);
  EXPECT_DOUBLE_EQ(overlong_penalty(85, 100, 20), -0.25);
  EXPECT_EQ(overlong_penalty(100, 100, 20), -1);
  EXPECT_EQ(overlong_penalty(500, 100, 20), -1);
  EXPECT_EQ(overlong_penalty(500, 100, 0), 0);
}

// Rewards 1, 0, 0.5: mean 0.5. Own rewards of section 0: 1, 0, 0.5 (mean 0.5); of section 1: 0.2
// and 0.8 (mean 0.5), as the third trajectory stopped early; of answers: 1, 0, 0 (mean 1/3).
std::vector<ScoredTrajectory> three() {
  return {{1, {{{0, 0}, 1.0}, {{0, 1}, 0.2}, {{0, -1}, 1.0}}},
          {0, {{{0, 0}, 0.0}, {{0, 1}, 0.8}, {{0, -1}, 0.0}}},
          {0.5, {{{0, 0}, 0.5}, {{0, -1}, 0.0}}}};
}

void expect_advantages(const AdvantageOptions& options,
                       const std::vector<std::vector<double>>& want) {
  const auto got = conversation_advantages(three(), options);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_THAT(got[i], testing::Pointwise(DoubleNear(1e-12), want[i])) << "trajectory " << i;
  }
}

TEST(ConversationAdvantage, IsTheTrajectorys) {
  expect_advantages({}, {{0.5, 0.5, 0.5}, {-0.5, -0.5, -0.5}, {0, 0}});
}

TEST(ConversationAdvantage, MayBeTheAnswersAlone) {
  expect_advantages({.credit = Credit::kAnswer}, {{0, 0, 0.5}, {0, 0, -0.5}, {0, 0}});
}

TEST(ConversationAdvantage, MayBeOfOwnRewardsAtTheSamePlace) {
  expect_advantages({.credit = Credit::kOwn},
                    {{0.5, -0.3, 2.0 / 3}, {-0.5, 0.3, -1.0 / 3}, {0, -1.0 / 3}});
}

// The first and a tenth of the last, for updates: an answer's own reward is its trajectory's.
TEST(ConversationAdvantage, MayHaveOwnRewardsAdded) {
  expect_advantages({.own_weight = 0.1}, {{0.55, 0.47, 0.5}, {-0.55, -0.47, -0.5}, {0, 0}});
}

// Four readers of two sections, rewards 1, 1, 0, 0. In section 0 all have the same prompt, and the
// mean is 1/2. Then the first three have one memory (mean 2/3), and the last has noted something
// else, wrongly: it is alone, and what it says from then on is compared with nobody's. The answers'
// prompts are the first two's (both 1: nothing to tell apart), and the others' own.
TEST(ConversationAdvantage, MayBeComparedAmongEqualPrompts) {
  const std::vector<ScoredTrajectory> group = {
      {1, {{{0, 0}, 0, 7}, {{0, 1}, 0, 8}, {{0, -1}, 0, 10}}},
      {1, {{{0, 0}, 0, 7}, {{0, 1}, 0, 8}, {{0, -1}, 0, 10}}},
      {0, {{{0, 0}, 0, 7}, {{0, 1}, 0, 8}, {{0, -1}, 0, 11}}},
      {0, {{{0, 0}, 0, 7}, {{0, 1}, 0, 9}, {{0, -1}, 0, 12}}}};
  const std::vector<std::vector<double>> want = {
      {0.5, 1.0 / 3, 0}, {0.5, 1.0 / 3, 0}, {-0.5, -2.0 / 3, 0}, {-0.5, 0, 0}};
  const auto got = conversation_advantages(group, {.same_prompt = true});
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_THAT(got[i], testing::Pointwise(DoubleNear(1e-12), want[i])) << "trajectory " << i;
  }
}

// Two have noted a fact in the first pass: that the third does so in the second is no reason to
// blame them for having nothing to add.
TEST(ConversationAdvantage, OwnRewardsAreComparedAmongEqualPromptsToo) {
  const std::vector<ScoredTrajectory> group = {
      {1, {{{1, 0}, 0.0, 5}}}, {1, {{{1, 0}, 0.0, 5}}}, {1, {{{1, 0}, 0.5, 6}}}};
  AdvantageOptions options{.own_weight = 1};
  EXPECT_NEAR(conversation_advantages(group, options)[0][0], -0.5 / 3, 1e-12);
  options.same_prompt = true;
  EXPECT_THAT(conversation_advantages(group, options), testing::Each(ElementsAre(0)));
}

// Random groups: an advantage goes with its trajectory wherever that stands in the group, those of
// the answers add up to zero, and raising every reward alike changes nothing.
TEST(ConversationAdvantage, Properties) {
  RandomStream random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<ScoredTrajectory> group(2 + random.below(7));
    for (ScoredTrajectory& trajectory : group) {
      trajectory.reward = random.uniform();
      const auto updates = static_cast<std::int64_t>(random.below(4));
      for (std::int64_t section = 0; section < updates; ++section) {
        trajectory.conversations.push_back({{0, section}, random.uniform(), random.below(2)});
      }
      trajectory.conversations.push_back({{0, -1}, random.uniform(), random.below(2)});
    }
    for (const AdvantageOptions& options :
         {AdvantageOptions{.own_weight = 0.3}, AdvantageOptions{.credit = Credit::kAnswer},
          AdvantageOptions{.divide_by_deviation = true, .credit = Credit::kOwn},
          AdvantageOptions{.own_weight = 0.3, .same_prompt = true}}) {
      const auto got = conversation_advantages(group, options);
      std::vector<ScoredTrajectory> turned = group;
      const auto by = static_cast<std::ptrdiff_t>(random.below(group.size()));
      std::rotate(turned.begin(), turned.begin() + by, turned.end());
      for (ScoredTrajectory& trajectory : turned) trajectory.reward += 0.5;
      auto of_turned = conversation_advantages(turned, options);
      std::rotate(of_turned.begin(), of_turned.end() - by, of_turned.end());
      double answers = 0;
      for (std::size_t i = 0; i < group.size(); ++i) {
        EXPECT_THAT(of_turned[i], testing::Pointwise(DoubleNear(1e-9), got[i]));
        answers += got[i].back();
      }
      EXPECT_NEAR(answers, 0, 1e-9);
    }
  }
}

}  // namespace
}  // namespace memagent
