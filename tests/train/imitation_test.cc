// What is imitated is what an Episode says and means: read back, it solves the task.
#include "train/imitation.h"

#include <gtest/gtest.h>

#include <string>

#include "support/byte_tokenizer.h"
#include "task/registry.h"
#include "task/verifier.h"

namespace memagent {
namespace {

struct Setting {
  Policy policy = Policy::kGated;
  Layout layout = Layout::kSectionFirst;
  bool add = false;  // replies that add to the memory are offered
};

PromptSet prompts_with(bool add) {
  PromptSet prompts = default_prompts();
  if (!add) return prompts;
  prompts.gate_add = "ADD";
  for (std::string& update : prompts.update[static_cast<std::size_t>(Policy::kGated)]) {
    update += "\nOr ADD.";
  }
  return prompts;
}

class Imitation : public testing::TestWithParam<Setting> {
 protected:
  Imitation()
      : tokenizer_(test::byte_tokenizer()),
        renderer_(std::make_shared<PromptRenderer>(prompts_with(GetParam().add), ChatFormat::kPlain,
                                                   tokenizer_, true, false)) {
    config_.policy = GetParam().policy;
    config_.layout = GetParam().layout;
    config_.question_tokens = 1000;
    config_.section_tokens = 700;
    config_.memory_tokens = 2000;
    config_.output_tokens = 1000;
  }
  std::unique_ptr<Sample> sample(const std::string& task, std::int64_t tokens,
                                 std::int64_t index) const {
    return find_tasks({task}, {})
        .at(0)
        ->sample(
            {.tokens = tokens, .paragraphs = 0, .seed = 5, .split = Split::kTrain, .index = index},
            tokenizer_);
  }
  std::vector<ImitatedConversation> read(const Sample& sample) const {
    return read(sample, Cut::kNatural);
  }
  std::vector<ImitatedConversation> read(const Sample& sample, Cut cut) const {
    const Sections sections =
        sections_of(sample, {.section_tokens = config_.section_tokens, .cut = cut}, tokenizer_);
    return imitate(sample, sections, config_, renderer_, tokenizer_);
  }

  std::shared_ptr<const test::ByteTokenizer> tokenizer_;
  std::shared_ptr<const PromptRenderer> renderer_;
  EpisodeConfig config_;
};

TEST_P(Imitation, SolvesEveryTaskThatRecordsFacts) {
  for (const std::string& task : task_names()) {
    const auto of = sample(task, 12'000, 3);
    const auto said = read(*of);
    ASSERT_GE(said.size(), 2U) << task;
    const Conversation& answer = said.back().conversation;
    ASSERT_EQ(answer.kind, ConversationKind::kAnswer);
    EXPECT_EQ(verify(answer.response.text, of->row().answers, of->row().match).score, 1)
        << task << ": " << answer.response.text;
  }
}

TEST_P(Imitation, EveryResponseEndsAndIsWhatTheEpisodeTook) {
  const auto said = read(*sample("niah_multivalue", 9'000, 0));
  int updates = 0;
  std::string memory = renderer_->prompts().empty_memory;
  for (const ImitatedConversation& each : said) {
    const Conversation& c = each.conversation;
    ASSERT_EQ(each.response.back(), tokenizer_->end_tokens().front());
    EXPECT_EQ(std::vector<TokenId>(each.response.begin(), each.response.end() - 1),
              c.response.tokens);
    EXPECT_NE(c.decision, Decision::kMalformed);
    EXPECT_NE(c.decision, GetParam().add ? Decision::kOverwrite : Decision::kAdd);
    EXPECT_FALSE(c.prompt.tokens.empty());
    // The memory before stands in the prompt as it was said.
    EXPECT_NE(tokenizer_->decode_all(c.prompt.tokens).find(memory), std::string::npos);
    if (c.kind == ConversationKind::kUpdate && c.memory.text != memory) {
      ++updates;
      memory = c.memory.text;
    }
  }
  EXPECT_EQ(updates, 4);  // four values, far apart
}

TEST_P(Imitation, SharedPrefixIsTheSectionsAlone) {
  const auto of = sample("niah_multikey_2", 3'000, 0);
  const auto siblings = of->siblings(3, 1);
  ASSERT_EQ(siblings.size(), 3U);
  const auto one = read(*of);
  const auto other = read(*siblings[1]);
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i + 1 < one.size(); ++i) {
    const std::int32_t shared = one[i].shared_prefix_tokens;
    EXPECT_EQ(shared, other[i].shared_prefix_tokens);
    EXPECT_EQ(shared > 0, GetParam().layout == Layout::kSectionFirst);
    const auto& a = one[i].conversation.prompt.tokens;
    const auto& b = other[i].conversation.prompt.tokens;
    EXPECT_TRUE(std::equal(a.begin(), a.begin() + shared, b.begin()));
    EXPECT_NE(a, b);
  }
}

// Exact cuts of 40 bytes leave no needle whole.
TEST_P(Imitation, FactsCutInTwoAreNotImitated) {
  config_.section_tokens = 40;
  const auto of = sample("niah_single_2", 1'500, 0);
  const auto said = read(*of, Cut::kExact);
  const Evidence& fact = of->row().evidence.at(0);
  int refused = 0;
  for (const ImitatedConversation& each : said) {
    const Conversation& c = each.conversation;
    const bool ends_here = c.kind == ConversationKind::kUpdate &&
                           c.section_byte_begin < fact.byte_end &&
                           fact.byte_end <= c.section_byte_end;
    EXPECT_EQ(each.imitable, !ends_here);
    refused += each.imitable ? 0 : 1;
  }
  EXPECT_EQ(refused, 1);
}

// Where the second paragraph of a chain is read before the first, noting it is luck.
TEST_P(Imitation, WhatOnlyLaterReadingMakesWorthNotingIsNotImitated) {
  int in_order = 0;
  int reversed = 0;
  for (std::int64_t index = 0; index < 8; ++index) {
    const auto of = sample("world_bridge_2", 6'000, index);
    const std::vector<Evidence>& facts = of->row().evidence;
    ASSERT_GE(facts.size(), 2U);
    // Facts are listed in the order of reasoning; those of one hop are of one paragraph.
    const bool chain_is_told_in_order = facts.front().byte_end < facts.back().byte_begin;
    (chain_is_told_in_order ? in_order : reversed) += 1;
    const auto said = read(*of);
    const auto refused =
        std::count_if(said.begin(), said.end(), [](const auto& each) { return !each.imitable; });
    EXPECT_EQ(refused > 0, !chain_is_told_in_order) << index;
  }
  EXPECT_EQ(in_order, 4);
  EXPECT_EQ(reversed, 4);
}

TEST_P(Imitation, NothingIsImitatedOnceAMemoryWasCut) {
  config_.memory_tokens = 30;  // one note takes more
  const auto said = read(*sample("niah_single_3", 6'000, 0));
  const auto first =
      std::find_if(said.begin(), said.end(), [](const auto& each) { return !each.imitable; });
  ASSERT_NE(first, said.end());
  EXPECT_EQ(first->conversation.kind, ConversationKind::kUpdate);
  EXPECT_TRUE(std::all_of(first, said.end(), [](const auto& each) { return !each.imitable; }));
}

INSTANTIATE_TEST_SUITE_P(Settings, Imitation,
                         testing::Values(Setting{Policy::kGated, Layout::kSectionFirst},
                                         Setting{Policy::kGated, Layout::kSectionFirst, true},
                                         Setting{Policy::kGated, Layout::kQuestionFirst},
                                         Setting{Policy::kOverwrite, Layout::kSectionFirst},
                                         Setting{Policy::kOverwrite, Layout::kQuestionFirst}),
                         [](const auto& of) {
                           return std::string(of.param.policy == Policy::kGated ? "Gated"
                                                                                : "Overwrite") +
                                  (of.param.layout == Layout::kSectionFirst ? "SectionFirst"
                                                                            : "QuestionFirst") +
                                  (of.param.add ? "Adding" : "");
                         });

}  // namespace
}  // namespace memagent
