// What is left to learn of lessons, told by a model whose replies and certainty are laid down here.
#include "train/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "memagent/error.h"
#include "model/local/generating.h"
#include "model/local/random_model.h"
#include "support/byte_tokenizer.h"

namespace memagent {
namespace {

struct Saying {
  std::vector<TokenId> tokens;
  double probability = 1;  // of every token
};

// Says to each prompt what it was told to, in the reverse order of asking.
class ToldModel final : public LanguageModel {
 public:
  std::map<std::vector<TokenId>, Saying> sayings;
  bool broken = false;
  std::vector<GenerationRequest> asked;

  const Capabilities& capabilities() const override { return capabilities_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return test::byte_tokenizer(); }
  const std::string& chat_template() const override { return template_; }
  RequestId submit(GenerationRequest request) override {
    asked.push_back(std::move(request));
    waiting_.push_back(asked.size() - 1);
    return asked.size() - 1;
  }
  void cancel(RequestId) override {}
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds) override {
    if (waiting_.empty()) return;
    const std::size_t number = waiting_.back();
    waiting_.pop_back();
    const GenerationRequest& request = asked[number];
    const Saying& saying = sayings.at(request.prompt.tokens);
    GenerationResult result;
    result.id = number;
    result.tokens = saying.tokens;
    result.stop = broken ? StopReason::kFailed : StopReason::kEnd;
    if (std::ssize(saying.tokens) >= request.max_tokens) {
      result.tokens.resize(static_cast<std::size_t>(request.max_tokens));
      result.stop = StopReason::kLength;
    }
    result.logprobs.assign(result.tokens.size() + (result.stop == StopReason::kEnd ? 1 : 0),
                           static_cast<float>(std::log(saying.probability)));
    results.push_back(std::move(result));
  }
  void wake() override {}

 private:
  Capabilities capabilities_;
  std::string template_;
  std::vector<std::size_t> waiting_;
};

constexpr TokenId kEnd = 99;

class Selection : public testing::Test {
 protected:
  // A section of three questions, and an answer and a text by themselves.
  Selection() {
    Lesson section;
    section.task = 1;
    section.prefix = {1, 2};
    section.replies = {{ReplyKind::kKeep, {10}, {5, kEnd}},
                       {ReplyKind::kKeep, {11}, {5, kEnd}},
                       {ReplyKind::kUpdate, {12}, {6, 7, kEnd}}};
    lessons_ = {section,
                {0, {}, {{ReplyKind::kAnswer, {13}, {8, kEnd}}}},
                {0, {}, {{ReplyKind::kText, {14}, {9, 9}}}}};
    model_.sayings = {{{1, 2, 10}, {{5}, 0.99}},
                      {{1, 2, 11}, {{5}, 0.6}},
                      {{1, 2, 12}, {{6, 7}, 0.99}},
                      {{13}, {{8}, 0.99}}};
  }
  std::vector<Lesson> selected(double keep_sure = 0) {
    counts_.assign(2, {});
    RandomStream random(1);
    return select_lessons(lessons_, model_, {.sure = 0.9, .keep_sure = keep_sure}, random, counts_);
  }
  // The prompts of what is left, by their first own token.
  std::vector<TokenId> left(double keep_sure = 0) {
    std::vector<TokenId> all;
    for (const Lesson& lesson : selected(keep_sure)) {
      for (const Reply& reply : lesson.replies) all.push_back(reply.prompt.front());
    }
    return all;
  }

  std::vector<Lesson> lessons_;
  ToldModel model_;
  std::vector<SelectionCounts> counts_;
};

using testing::ElementsAre;

TEST_F(Selection, LeavesOutWhatIsSaidForSure) {
  const std::vector<Lesson> lessons = selected();
  ASSERT_EQ(lessons.size(), 2U);  // the answer's is empty
  EXPECT_EQ(lessons[0].prefix, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(lessons[0].task, 1U);
  ASSERT_EQ(lessons[0].replies.size(), 1U);
  EXPECT_EQ(lessons[0].replies[0].response, (std::vector<TokenId>{5, kEnd}));
  EXPECT_EQ(lessons[1].replies[0].kind, ReplyKind::kText);
  EXPECT_THAT(left(), ElementsAre(11, 14));
}

TEST_F(Selection, KeepsWhatIsSaidWrongly) {
  model_.sayings[{1, 2, 12}] = {{6, 8}, 0.99};  // another value
  model_.sayings[{13}] = {{8, 8, 8}, 0.99};     // does not end
  model_.sayings[{1, 2, 10}] = {{}, 0.99};      // says nothing
  EXPECT_THAT(left(), ElementsAre(10, 11, 12, 13, 14));
  const auto kind = [](ReplyKind of) { return static_cast<std::size_t>(of); };
  EXPECT_EQ(counts_[1].asked[kind(ReplyKind::kKeep)], 2);
  EXPECT_EQ(counts_[1].right[kind(ReplyKind::kKeep)], 1);
  EXPECT_EQ(counts_[1].asked[kind(ReplyKind::kUpdate)], 1);
  EXPECT_EQ(counts_[1].right[kind(ReplyKind::kUpdate)], 0);
  EXPECT_EQ(counts_[0].asked[kind(ReplyKind::kAnswer)], 1);
  EXPECT_EQ(counts_[0].right[kind(ReplyKind::kAnswer)], 0);
  EXPECT_EQ(counts_[0].asked[kind(ReplyKind::kText)], 0);
}

TEST_F(Selection, MayKeepSomeOfWhatIsSure) {
  EXPECT_THAT(left(1), ElementsAre(10, 11, 12, 13, 14));
}

TEST_F(Selection, AsksForRepliesAsTheyAreLearnt) {
  selected();
  ASSERT_EQ(model_.asked.size(), 4U);  // texts are not asked for
  EXPECT_EQ(model_.asked[2].prompt.tokens, (std::vector<TokenId>{1, 2, 12}));
  EXPECT_EQ(model_.asked[2].shared_prefix_tokens, 2);
  EXPECT_EQ(model_.asked[2].max_tokens, 3);
  EXPECT_EQ(model_.asked[2].sampling.temperature, 0);
}

TEST_F(Selection, StopsWhenAGenerationFails) {
  model_.broken = true;
  EXPECT_THROW(selected(), Error);
}

// The most probable reply of a network that is certain of most things, and how certain it is of its
// least certain token; one conversation at a time.
struct Certain {
  std::vector<TokenId> tokens;
  double least = 1;
};
Certain greedy(const PolicyNetwork& network, std::vector<TokenId> prompt, int count) {
  const torch::NoGradGuard no_gradients;
  Certain said;
  for (int i = 0; i < count; ++i) {
    PackedBatch batch;
    batch.add(prompt);
    batch.rows = {std::ssize(prompt) - 1};
    batch.targets = {0};
    const torch::Tensor p = torch::softmax(network.logits(batch)[0], 0);
    const auto token = static_cast<TokenId>(p.argmax().item<std::int64_t>());
    said.least = std::min(said.least, p.max().item<double>());
    said.tokens.push_back(token);
    prompt.push_back(token);
  }
  return said;
}

// As on a device: one pass over all lessons, packed, instead of asking for every reply.
TEST(NetworkSelection, LeavesOutWhatTheNetworkIsSureOf) {
  const auto model = test::random_model({});
  PolicyNetwork network(model->config(), {});
  network.load(*model);
  {
    const torch::NoGradGuard no_gradients;  // logits far apart
    for (const Parameter& parameter : network.parameters()) {
      if (parameter.name == "output_norm.weight") torch::Tensor(parameter.value).mul_(20);
    }
  }
  const auto prefix = test::random_tokens(40, 1);
  Lesson lesson;
  lesson.prefix = prefix;
  std::vector<double> least;
  for (std::uint64_t i = 0; i < 12; ++i) {
    Reply reply;
    reply.kind = i % 2 == 0 ? ReplyKind::kKeep : ReplyKind::kUpdate;
    reply.prompt = test::random_tokens(3 + i, 10 + i);
    std::vector<TokenId> whole = prefix;
    whole.insert(whole.end(), reply.prompt.begin(), reply.prompt.end());
    Certain said = greedy(network, std::move(whole), 3);
    // Every third says something else at its end.
    if (i % 3 == 2) {
      said.tokens.back() = (said.tokens.back() + 1) % 256;
      said.least = 0;
    }
    reply.response = said.tokens;
    least.push_back(said.least);
    lesson.replies.push_back(reply);
  }
  // Between two of them, so that rounding decides nothing.
  std::vector<double> sorted = least;
  std::ranges::sort(sorted);
  ASSERT_GT(sorted[7], 0.5) << "the network is not certain enough to test with";
  const double sure = (sorted[8] + sorted[9]) / 2;
  std::vector<std::vector<TokenId>> want;
  double right = 0;
  for (std::size_t i = 0; i < least.size(); ++i) {
    if (least[i] > 0.5) ++right;
    if (least[i] < sure) want.push_back(lesson.replies[i].prompt);
  }
  Lesson text{0, {}, {{ReplyKind::kText, {14}, {9, 9}}}};
  std::vector<SelectionCounts> counts(1);
  RandomStream random(1);
  const std::vector<Lesson> left =
      select_lessons({text, lesson}, network, {.sure = sure, .keep_sure = 0}, random, counts);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].replies[0].kind, ReplyKind::kText);
  std::vector<std::vector<TokenId>> got;
  for (const Reply& reply : left[1].replies) got.push_back(reply.prompt);
  EXPECT_EQ(got, want);
  EXPECT_LT(got.size(), least.size());
  const auto of = [&](ReplyKind kind) { return static_cast<std::size_t>(kind); };
  EXPECT_EQ(counts[0].asked[of(ReplyKind::kKeep)], 6);
  EXPECT_EQ(counts[0].asked[of(ReplyKind::kUpdate)], 6);
  EXPECT_EQ(counts[0].right[of(ReplyKind::kKeep)] + counts[0].right[of(ReplyKind::kUpdate)], right);
  EXPECT_EQ(counts[0].asked[of(ReplyKind::kText)], 0);
}

}  // namespace
}  // namespace memagent
