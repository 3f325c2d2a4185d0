// Rewards of single conversations, worked out for one reading of four sections with two facts.
#include "train/step_reward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memagent {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

constexpr std::int64_t kSection = 100;

Evidence fact(std::int64_t begin, std::int64_t end, std::vector<std::string> values) {
  Evidence out;
  out.byte_begin = begin;
  out.byte_end = end;
  out.values = std::move(values);
  return out;
}

Conversation update(std::int64_t section, Decision decision, std::string memory,
                    bool stop = false) {
  Conversation out;
  out.section_index = section;
  out.section_byte_begin = kSection * section;
  out.section_byte_end = kSection * (section + 1);
  out.decision = decision;
  out.stop_reading = stop;
  out.memory.text = std::move(memory);
  return out;
}

// A fact in section 0, and one that begins in section 1 and ends in section 2.
Row two_facts() {
  Row row;
  row.evidence = {fact(10, 30, {"quiet lantern", "7"}), fact(190, 210, {"amber", "42"})};
  return row;
}

Trajectory reading() {
  Trajectory out;
  out.conversations = {update(0, Decision::kOverwrite, "quiet lantern: 7"),      // right to write
                       update(1, Decision::kOverwrite, "quiet lantern: 7, hm"),  // nothing to write
                       update(2, Decision::kKeep, "quiet lantern: 7, hm"),  // should have written
                       update(3, Decision::kMalformed, "amber", true)};     // loses the first fact
  Conversation answer;
  answer.kind = ConversationKind::kAnswer;
  answer.decision = Decision::kAnswer;
  out.conversations.push_back(answer);
  return out;
}

std::vector<double> of(const StepRewardOptions& options) {
  return step_rewards(two_facts(), reading(), 0.75, options);
}

TEST(StepReward, IsOffByDefault) {
  EXPECT_FALSE(any(StepRewardOptions{}));
  EXPECT_THAT(of({}), ElementsAre(0, 0, 0, 0, 0.75));
}

TEST(StepReward, ForTheGate) { EXPECT_THAT(of({.gate = 2}), ElementsAre(2, 0, 0, 0, 0.75)); }

// All is read from section 2 on: saying "stop" is right there and wrong before.
TEST(StepReward, ForStopping) { EXPECT_THAT(of({.exit = 1}), ElementsAre(1, 1, 0, 0, 0.75)); }

TEST(StepReward, ForTheForm) { EXPECT_THAT(of({.form = 0.5}), ElementsAre(0, 0, 0, -0.5, 0.75)); }

// Held of four values: 2, 2, 2, then "amber" alone: 1. Growth 2/4, 0, 0, -1/4.
TEST(StepReward, ForWhatIsNoted) {
  EXPECT_THAT(of({.noted = 1}),
              ElementsAre(DoubleEq(0.5), DoubleEq(0), DoubleEq(0), DoubleEq(-0.25), 0.75));
}

TEST(StepReward, TheSameMemoryWrittenAgainIsNotWriting) {
  Trajectory again;
  again.conversations = {update(0, Decision::kOverwrite, "quiet lantern: 7"),
                         update(1, Decision::kOverwrite, "quiet lantern: 7")};
  EXPECT_THAT(step_rewards(two_facts(), again, 0, {.gate = 1}), ElementsAre(1, 1));
}

// In a second pass the first fact is held: section 0 has nothing to write; section 2 has, until the
// other is held as well. Everything has been read: to stop is right anywhere.
TEST(StepReward, ASecondPassAsksForWhatIsMissing) {
  const auto again = [](std::int64_t section, Decision decision, std::string memory, bool stop) {
    Conversation out = update(section, decision, std::move(memory), stop);
    out.pass = 1;
    return out;
  };
  Trajectory reading;
  reading.conversations = {
      update(2, Decision::kOverwrite, "quiet lantern: 7"),
      again(0, Decision::kKeep, "quiet lantern: 7", false),
      again(2, Decision::kOverwrite, "quiet lantern: 7, amber: 42", true),
      again(2, Decision::kKeep, "quiet lantern: 7, amber: 42", true),
      again(2, Decision::kOverwrite, "quiet lantern: 7, amber: 42 again", false)};
  EXPECT_THAT(step_rewards(two_facts(), reading, 0, {.gate = 1}), ElementsAre(1, 1, 1, 1, 0));
  EXPECT_THAT(step_rewards(two_facts(), reading, 0, {.exit = 1}), ElementsAre(0, 0, 1, 1, 0));
}

TEST(StepReward, FailedConversationsAndUnknownFactsHaveNone) {
  Trajectory failed;
  failed.conversations = {update(0, Decision::kFailed, "")};
  const StepRewardOptions all{.gate = 1, .exit = 1, .form = 1, .noted = 1};
  EXPECT_THAT(step_rewards(two_facts(), failed, 0, all), ElementsAre(0));
  EXPECT_THAT(step_rewards(Row{}, reading(), 1, {.gate = 1, .exit = 1, .noted = 1}),
              ElementsAre(0, 0, 0, 0, 1));
}

}  // namespace
}  // namespace memagent
