// What is told of two small groups, counted by hand.
#include "train/rollout_metrics.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

Conversation said(ConversationKind kind, std::size_t memory_tokens, std::vector<float> logprobs) {
  Conversation out;
  out.kind = kind;
  out.memory.tokens.resize(memory_tokens);
  out.response.logprobs = std::move(logprobs);
  return out;
}

TEST(RolloutMetrics, AreSumsOverAllThatWasRolledOut) {
  // Two updates and an answer; memories of 3 and 5 tokens; 6 tokens sampled.
  RolledOut right;
  right.reward = 1;
  right.updates = 2;
  right.memory_changes = 1;
  right.malformed = 1;
  right.truncated = 1;
  right.generated_tokens = 6;
  right.trajectory.conversations = {said(ConversationKind::kUpdate, 3, {-1.0F, -2.0F}),
                                    said(ConversationKind::kUpdate, 5, {-3.0F, -2.0F}),
                                    said(ConversationKind::kAnswer, 5, {-0.5F, -0.5F})};
  // One update, after which reading ended, and an answer that failed.
  RolledOut wrong;
  wrong.failed = true;
  wrong.stopped_early = true;
  wrong.updates = 1;
  wrong.generated_tokens = 2;
  wrong.trajectory.conversations = {said(ConversationKind::kUpdate, 4, {-3.0F, 0.0F}),
                                    said(ConversationKind::kAnswer, 4, {})};
  Group mixed;
  mixed.row.task = "a";
  mixed.row.tokens = 1023;
  mixed.trajectories = {right, wrong};
  Group agreed;
  agreed.row.task = "b";
  agreed.row.tokens = 1024;
  agreed.trajectories = {right, right};

  RolloutMetrics metrics;
  metrics.add(mixed, true);
  EXPECT_EQ(metrics.taught, 1);
  EXPECT_EQ(metrics.failed, 1);
  EXPECT_DOUBLE_EQ(metrics.reward.value(), 0.5);
  EXPECT_DOUBLE_EQ(metrics.best.value(), 1);
  EXPECT_DOUBLE_EQ(metrics.kept.value(), 2.0 / 3);  // one of two, and the one
  EXPECT_DOUBLE_EQ(metrics.malformed.value(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.truncated.value(), 1.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.stopped_early.value(), 0.5);
  EXPECT_DOUBLE_EQ(metrics.reply_tokens.value(), 8.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.memory_tokens.value(), (3.0 + 5 + 4) / 3);
  EXPECT_DOUBLE_EQ(metrics.entropy.value(), 12.0 / 8);

  metrics.add(agreed, false);
  EXPECT_EQ(metrics.groups, 2);
  EXPECT_EQ(metrics.taught, 1);
  EXPECT_DOUBLE_EQ(metrics.reward.value(), 0.75);
  EXPECT_DOUBLE_EQ(metrics.tasks.at("a").value(), 0.5);
  EXPECT_DOUBLE_EQ(metrics.tasks.at("b").value(), 1);
  EXPECT_DOUBLE_EQ(metrics.lengths.at(512).value(), 0.5);
  EXPECT_DOUBLE_EQ(metrics.lengths.at(1024).value(), 1);
}

TEST(RolloutMetrics, OfNothingAreZero) {
  EXPECT_EQ(RolloutMetrics().reward.value(), 0);
  EXPECT_EQ(RolloutMetrics().entropy.value(), 0);
}

}  // namespace
}  // namespace memagent
