// Advantages of rolled out groups, worked out by hand.
#include "train/credit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace memagent {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

Conversation update(std::int64_t section, std::vector<TokenId> prompt) {
  Conversation said;
  said.section_index = section;
  said.prompt.tokens = std::move(prompt);
  return said;
}

RolledOut trajectory(double reward, std::vector<Conversation> updates,
                     std::vector<TokenId> answer_prompt) {
  RolledOut rolled;
  rolled.reward = reward;
  rolled.trajectory.conversations = std::move(updates);
  Conversation answer = update(-1, std::move(answer_prompt));
  answer.kind = ConversationKind::kAnswer;
  rolled.trajectory.conversations.push_back(std::move(answer));
  return rolled;
}

// All read section 0 with the same prompt. The first two note the same there and read on alike; the
// third has nothing in its memory.
Group three() {
  Group group;
  group.trajectories = {
      trajectory(1, {update(0, {1, 2}), update(1, {1, 2, 3})}, {9, 3}),
      trajectory(0, {update(0, {1, 2}), update(1, {1, 2, 3})}, {9, 3}),
      trajectory(0, {update(0, {1, 2}), update(1, {1, 2})}, {9}),
  };
  return group;
}

TEST(Credit, IsTheTrajectorysForAllItsConversations) {
  const auto got = credited(three(), RlRecipe(), 100);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_THAT(got[0], testing::Each(DoubleNear(2.0 / 3, 1e-12)));
  EXPECT_THAT(got[1], testing::Each(DoubleNear(-1.0 / 3, 1e-12)));
  EXPECT_THAT(got[2], testing::Each(DoubleNear(-1.0 / 3, 1e-12)));
}

// Section 0: of all three, mean 1/3. From then on the first two are compared with each other, mean
// 1/2; the third is alone, though it has section 1 before it with the tokens that section 0 had.
TEST(Credit, IsGivenAmongEqualPromptsIfSoAskedFor) {
  RlRecipe recipe;
  recipe.advantage.same_prompt = true;
  const auto got = credited(three(), recipe, 100);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_THAT(got[0], ElementsAre(DoubleNear(2.0 / 3, 1e-12), DoubleNear(0.5, 1e-12),
                                  DoubleNear(0.5, 1e-12)));
  EXPECT_THAT(got[1], ElementsAre(DoubleNear(-1.0 / 3, 1e-12), DoubleNear(-0.5, 1e-12),
                                  DoubleNear(-0.5, 1e-12)));
  EXPECT_THAT(got[2], ElementsAre(DoubleNear(-1.0 / 3, 1e-12), 0, 0));
}

// The first answers as asked. Of its replies of at most 10 and 8 tokens an update is as long as it
// may be, which costs 1, and the answer half-way through the last 4, which costs a half: in the
// mean of its two conversations, 0.75. Where answers alone learn, they pay for themselves alone.
TEST(Credit, TooLongRepliesCost) {
  Group group;
  group.trajectories = {trajectory(1, {update(0, {1, 2})}, {9}),
                        trajectory(0, {update(0, {1, 2})}, {9})};
  auto& replies = group.trajectories[0].trajectory.conversations;
  replies[0].response.generated_tokens = 10;
  replies[1].response.generated_tokens = 6;
  RlRecipe recipe;
  recipe.overlong_tokens = 4;
  recipe.reading.output_tokens = 8;
  EXPECT_THAT(credited(group, recipe, 10)[0], testing::Each(DoubleNear(0.125, 1e-12)));
  recipe.advantage.credit = Credit::kAnswer;
  EXPECT_THAT(credited(group, recipe, 10)[0], ElementsAre(0, DoubleNear(0.25, 1e-12)));
}

}  // namespace
}  // namespace memagent
