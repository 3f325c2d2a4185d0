// What a batch trains on: what was sampled, with the probabilities that it was sampled with, each
// token once.
#include "train/trajectory_batch.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "task/registry.h"
#include "train/policy_loss.h"
#include "train/tiny_run.h"

namespace memagent {
namespace {

class Packing : public TinyRun, public testing::WithParamInterface<Layout> {};

TEST_P(Packing, TrainsOnWhatWasSampledWithTheProbabilitiesItWasSampledWith) {
  recipe_.reading.layout = GetParam();
  const Start start = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  const auto model = model_of(start);
  std::vector<RolloutQuestion> questions;
  for (std::int64_t i = 0; i < 2; ++i) {
    questions.push_back(
        {find_tasks({"niah_single_1"}, {})[0]->sample(
             {.tokens = 900, .seed = 1, .split = Split::kTrain, .index = i}, start.tokenizer),
         static_cast<std::uint64_t>(9 + i)});
  }
  RolloutOptions rollout;
  rollout.episode = episode_config(recipe_.reading);
  rollout.episode.section_tokens = 400;
  rollout.episode.sampling.temperature = 1;
  rollout.group = 4;
  const std::vector<Group> groups = roll_out(*model, start.renderer, questions, rollout);
  ASSERT_EQ(groups.size(), 2U);

  std::int64_t sampled = 0;
  std::int64_t prompts = 0;
  std::set<std::vector<TokenId>> different;
  for (const Group& group : groups) {
    ASSERT_EQ(group.trajectories.size(), 4U);
    for (const RolledOut& rolled : group.trajectories) {
      ASSERT_GE(rolled.trajectory.conversations.size(), 4U);  // three sections and an answer
      for (const Conversation& conversation : rolled.trajectory.conversations) {
        sampled += conversation.response.generated_tokens;
        prompts += std::ssize(conversation.prompt.tokens);
        different.insert(conversation.response.tokens);
      }
    }
  }
  EXPECT_GT(different.size(), 20U);  // every trajectory draws for itself

  std::vector<PolicyBatch> batches;
  // As many advantages as there are conversations, all different.
  double next_advantage = 0;
  double sum_sampled = 0;  // of advantages, over sampled tokens
  std::vector<std::vector<std::vector<double>>> advantages;
  for (const Group& group : groups) {
    auto& of_group = advantages.emplace_back();
    for (const RolledOut& rolled : group.trajectories) {
      auto& of_trajectory = of_group.emplace_back();
      for (const Conversation& conversation : rolled.trajectory.conversations) {
        of_trajectory.push_back(next_advantage += 1);
        sum_sampled += next_advantage * static_cast<double>(conversation.response.generated_tokens);
      }
    }
    pack_group(group, of_group, {.batch_tokens = 2048}, batches);
  }
  EXPECT_GT(batches.size(), 1U);
  for (const PolicyBatch& batch : batches) EXPECT_LE(batch.packed.num_tokens(), 2048);
  std::int64_t learnt = 0;
  std::int64_t packed = 0;
  double sum_packed = 0;
  double worst = 0;
  const torch::NoGradGuard no_gradients;
  for (const PolicyBatch& batch : batches) {
    learnt += std::ssize(batch.packed.rows);
    packed += batch.packed.num_tokens();
    ASSERT_EQ(batch.rollout.size(), batch.packed.rows.size());
    ASSERT_EQ(batch.advantages.size(), batch.packed.rows.size());
    for (const float advantage : batch.advantages) sum_packed += static_cast<double>(advantage);
    const torch::Tensor now = start.network->logprobs(batch.packed).logprobs;
    for (std::size_t i = 0; i < batch.rollout.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(batch.rollout[i]) -
                                       now[static_cast<std::int64_t>(i)].item<double>()));
    }
  }
  EXPECT_EQ(learnt, sampled);
  EXPECT_EQ(sum_packed, sum_sampled);
  EXPECT_LT(worst, 1e-4);
  // What conversations begin with alike stands in a batch once and not four times.
  EXPECT_LT(packed, prompts / (GetParam() == Layout::kSectionFirst ? 2 : 1));

  std::vector<PolicyBatch> answers;
  pack_group(groups[0], advantages[0], {.batch_tokens = 2048, .answer_only = true}, answers);
  std::int64_t of_answers = 0;
  for (const RolledOut& rolled : groups[0].trajectories) {
    of_answers += rolled.trajectory.conversations.back().response.generated_tokens;
  }
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(std::ssize(answers[0].packed.rows), of_answers);
}

// The gradient of a group's first update is the same when equal conversations are trained on once.
TEST_P(Packing, EqualConversationsAreTrainedOnOnce) {
  recipe_.reading.layout = GetParam();
  recipe_.reading.memory_tokens = 16;
  recipe_.reading.output_tokens = 2;
  const Start start = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  const auto model = model_of(start);
  const auto task = find_tasks({"niah_single_1"}, {})[0];
  RolloutOptions rollout;
  rollout.episode = episode_config(recipe_.reading);
  rollout.episode.section_tokens = 400;
  rollout.episode.sampling.temperature = 0.05F;  // so low that trajectories agree often
  rollout.group = 6;
  const std::vector<Group> groups = roll_out(
      *model, start.renderer,
      {{task->sample({.tokens = 900, .seed = 1, .split = Split::kTrain}, start.tokenizer), 9}},
      rollout);
  std::vector<std::vector<double>> advantages;
  for (const RolledOut& rolled : groups[0].trajectories) {
    const double advantage = std::array{0.5, -0.25, 1.0, -1.0, -0.5, 0.25}[advantages.size()];
    advantages.emplace_back(rolled.trajectory.conversations.size(), advantage);
  }
  std::vector<torch::Tensor> gradients[2];
  std::int64_t tokens[2] = {0, 0};
  std::int64_t sampled[2] = {0, 0};
  for (const bool merge : {false, true}) {
    std::vector<PolicyBatch> batches;
    pack_group(groups[0], advantages, {.batch_tokens = 100'000, .merge_equal = merge}, batches);
    for (const PolicyBatch& batch : batches) {
      tokens[merge] += batch.packed.num_tokens();
      sampled[merge] += batch.sampled_tokens;
      PolicyLossInput input;
      input.logprobs = start.network->logprobs(batch.packed).logprobs;
      input.old = input.logprobs.detach();
      input.rollout = torch::tensor(batch.rollout);
      input.advantages = torch::tensor(batch.advantages);
      PolicyLossSums sums;
      policy_loss(input, {.kl = 0}, sums).backward();
    }
    for (Parameter parameter : start.network->parameters()) {
      gradients[merge].push_back(parameter.value.grad().clone());
      parameter.value.mutable_grad().reset();
    }
  }
  EXPECT_EQ(sampled[0], sampled[1]);
  EXPECT_LT(tokens[1], tokens[0]);
  double largest = 0;
  for (std::size_t i = 0; i < gradients[0].size(); ++i) {
    const double size = gradients[0][i].abs().max().item<double>();
    largest = std::max(largest, size);
    EXPECT_LT((gradients[0][i] - gradients[1][i]).abs().max().item<double>(), 1e-4 * (size + 0.01))
        << i;
  }
  EXPECT_GT(largest, 0.01);
}

// Replies that were all but certain are left out, and counted all the same.
TEST(SureReplies, AreNotTrainedOn) {
  Group group;
  const std::vector<std::vector<float>> logprobs = {{-0.001F, -0.002F}, {-0.001F, -0.5F}};
  for (TokenId trajectory = 0; trajectory < 2; ++trajectory) {
    RolledOut& rolled = group.trajectories.emplace_back();
    for (TokenId section = 0; section < 2; ++section) {
      Conversation& conversation = rolled.trajectory.conversations.emplace_back();
      conversation.section_index = section;
      conversation.prompt.tokens = {1, 2, trajectory, section};
      conversation.response.tokens = {5, 6};
      conversation.response.logprobs = logprobs[static_cast<std::size_t>(section)];
    }
  }
  const std::vector<std::vector<double>> advantages(2, {1, 2});
  for (const bool merge : {false, true}) {
    std::vector<PolicyBatch> batches;
    pack_group(group, advantages, {.merge_equal = merge, .sure = 0.99}, batches);
    ASSERT_EQ(batches.size(), 1U);
    EXPECT_EQ(batches[0].sampled_tokens, 8);
    EXPECT_EQ(batches[0].advantages, (std::vector<float>{2, 2, 2, 2}));
    EXPECT_EQ(batches[0].packed.num_tokens(), 12);
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Packing,
                         testing::Values(Layout::kSectionFirst, Layout::kQuestionFirst),
                         [](const auto& of) {
                           return of.param == Layout::kSectionFirst ? "SectionFirst"
                                                                    : "QuestionFirst";
                         });

}  // namespace
}  // namespace memagent
