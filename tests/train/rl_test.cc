// Reinforcement learning as a whole on a network of a few thousand weights: an optimum that is
// known is found, and a run that was stopped ends in the same bytes.
#include "train/rl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "memagent/error.h"
#include "train/held_out.h"
#include "train/start.h"
#include "train/step_rollouts.h"
#include "train/tiny_run.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

using Rl = TinyRun;

// Replies are pushed to be short: the reward of a random network is 0 whatever it says, and the
// penalty for length begins with the first token. The optimum is to end at once.
TEST_F(Rl, FindsAnOptimumThatIsKnown) {
  recipe_.overlong_tokens = 20;
  std::vector<double> lengths;
  train_rl(recipe_, options("short"), [&](const RlStep& step) {
    lengths.push_back(step.rollouts.reply_tokens.value());
    EXPECT_EQ(step.rollouts.reward.value(), 0);
    if (step.step == 1) {
      EXPECT_EQ(step.rollouts.taught, step.rollouts.groups);
    }
  });
  ASSERT_EQ(lengths.size(), 30U);
  EXPECT_GT(lengths.front(), 15);
  EXPECT_LT(lengths.back(), 4);
}

// The network itself rolls the same trajectories out as the engine with its weights, as long as no
// draw falls between the two's sums: here of 300 draws a step, each with odds of about 1e-4. So the
// first three steps may differ by one trajectory, and the optimum is found all the same.
TEST_F(Rl, TorchRollsOutAsTheEngineDoes) {
  recipe_.overlong_tokens = 20;
  std::array<std::vector<double>, 2> lengths;
  std::array<std::vector<double>, 2> gaps;
  for (const bool torch : {false, true}) {
    recipe_.rollouts = torch ? Rollouts::kTorch : Rollouts::kEngine;
    train_rl(recipe_, options(torch ? "torch" : "engine"), [&](const RlStep& step) {
      lengths[torch].push_back(step.rollouts.reply_tokens.value());
      gaps[torch].push_back(step.loss.gap / step.loss.count);
    });
  }
  EXPECT_NEAR(lengths[1][0], lengths[0][0], 1);
  EXPECT_GT(lengths[1].front(), 15);
  EXPECT_LT(lengths[1].back(), 4);
  // The engine's keys are f16; here it is float32 all the way.
  EXPECT_LT(gaps[1][0], 1e-5);
  EXPECT_LT(*std::ranges::max_element(gaps[1]), 1e-4);
  EXPECT_THAT(read(folder_ / "torch/recipe.json"), testing::HasSubstr(R"("rollouts":"torch")"));
}

TEST_F(Rl, TorchFindsItOneStepStale) {
  recipe_.rollouts = Rollouts::kTorch;
  recipe_.overlap = true;
  recipe_.overlong_tokens = 20;
  std::vector<double> lengths;
  std::vector<double> gaps;
  train_rl(recipe_, options("torch-stale"), [&](const RlStep& step) {
    lengths.push_back(step.rollouts.reply_tokens.value());
    gaps.push_back(step.loss.gap / step.loss.count);
  });
  EXPECT_LT(gaps[0], 1e-5);
  EXPECT_GT(gaps[1], 1e-3);  // the weights before the update
  EXPECT_LT(lengths.back(), 4);
}

// The same optimum when the next step's rollouts are made beside the update: every step but the
// first learns from what the weights before the last update said.
TEST_F(Rl, FindsItOneStepStale) {
  recipe_.overlap = true;
  recipe_.overlong_tokens = 20;
  recipe_.mini_batches = 2;
  std::vector<double> lengths;
  std::vector<std::int64_t> staleness;
  std::vector<double> gaps;
  train_rl(recipe_, options("stale"), [&](const RlStep& step) {
    lengths.push_back(step.rollouts.reply_tokens.value());
    staleness.push_back(step.staleness);
    gaps.push_back(step.loss.gap / step.loss.count);
  });
  std::vector<std::int64_t> want(30, 2);  // two updates a step
  want[0] = 0;
  EXPECT_EQ(staleness, want);
  EXPECT_LT(gaps[0], 1e-4);
  EXPECT_GT(gaps[1], 1e-3);  // another policy than the one that is trained
  EXPECT_GT(lengths.front(), 15);
  EXPECT_LT(lengths.back(), 4);
  EXPECT_THAT(read(folder_ / "stale/log.jsonl"), testing::HasSubstr("\"staleness\":2,"));
}

// Beside an update or not, a step draws the same: the first two steps are sampled with the same
// weights, those of the beginning, when nothing is learnt.
TEST_F(Rl, OverlapChangesWhenAndNotWhat) {
  recipe_.steps = 3;
  recipe_.optimizer.learning_rate = 0;
  std::array<std::vector<double>, 2> entropies;
  std::array<std::vector<double>, 2> lengths;
  for (const bool overlap : {false, true}) {
    recipe_.overlap = overlap;
    train_rl(recipe_, options(overlap ? "beside" : "after"), [&](const RlStep& step) {
      entropies[overlap].push_back(step.rollouts.entropy.value());
      lengths[overlap].push_back(step.rollouts.reply_tokens.value());
    });
  }
  EXPECT_EQ(entropies[0], entropies[1]);
  EXPECT_EQ(lengths[0], lengths[1]);
  EXPECT_NE(entropies[0][0], entropies[0][1]);
}

// Rows that nothing is learnt from are read, and nothing else changes.
TEST_F(Rl, HeldOutRowsAreReadBesideTheRun) {
  recipe_.steps = 4;
  recipe_.overlong_tokens = 20;
  for (const bool overlap : {false, true}) {
    recipe_.overlap = overlap;
    recipe_.held_out.steps = 0;
    train_rl(recipe_, options(overlap ? "without2" : "without"), nullptr);
    recipe_.held_out.steps = 2;
    recipe_.held_out.rows = 2;
    recipe_.held_out.document_tokens = {600, 900};
    recipe_.held_out.tasks = {{"niah_single_1", 1}};
    recipe_.reading.section_tokens = 400;
    std::vector<std::size_t> lengths;
    train_rl(recipe_, options(overlap ? "with2" : "with"),
             [&](const RlStep& step) { lengths.push_back(step.held_out.size()); });
    EXPECT_EQ(lengths, (std::vector<std::size_t>{0, 2, 0, 2}));
    EXPECT_EQ(read(folder_ / (overlap ? "with2/model.gguf" : "with/model.gguf")),
              read(folder_ / (overlap ? "without2/model.gguf" : "without/model.gguf")));
  }
  const std::string log = read(folder_ / "with/log.jsonl");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 5);
  EXPECT_THAT(log, testing::StartsWith(R"({"step":0,"held_out":{"600":0.0,"900":0.0}})"));
  for (const char* speed : {"sampled_tokens_per_second", "trained_tokens_per_second"}) {
    EXPECT_THAT(log, testing::ContainsRegex(std::string(speed) + "\":[1-9]"));
  }
}

// Rows of a data set that is not trained on, however few it has.
TEST_F(Rl, HeldOutRowsMayBeThoseOfADataSet) {
  const fs::path file = folder_ / "rows.jsonl";
  std::ofstream(file) << R"({"input":"Where?","context":"It is here.","answers":["here"]})" << '\n';
  recipe_.steps = 1;
  recipe_.overlong_tokens = 20;
  recipe_.reading.section_tokens = 400;
  recipe_.held_out.steps = 1;
  recipe_.held_out.rows = 3;
  recipe_.held_out.document_tokens = {400};
  recipe_.held_out.data.path = file.string();
  recipe_.held_out.tasks = {{"data", 1}};
  train_rl(recipe_, options("data"), nullptr);
  EXPECT_THAT(read(folder_ / "data/log.jsonl"),
              testing::StartsWith(R"({"step":0,"held_out":{"400":0.0}})"));
}

// A learning rate that blows the weights up: updates are left out and counted, and the run ends
// with one line that says so.
TEST_F(Rl, WeightsThatBlowUpEndTheRun) {
  recipe_.overlong_tokens = 20;
  recipe_.optimizer.learning_rate = 1e30;
  recipe_.optimizer.most_skipped = 3;
  std::vector<std::int64_t> skipped;
  try {
    train_rl(recipe_, options("wild"),
             [&](const RlStep& step) { skipped.push_back(step.skipped); });
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("3 steps in a row had a gradient that is not"));
  }
  EXPECT_EQ(skipped.front(), 0);
  EXPECT_EQ(skipped.back(), 1);
}

// The optimum of FindsAnOptimumThatIsKnown is to say one thing; a bonus for entropy stands against
// it.
TEST_F(Rl, EntropyBonusKeepsRepliesRandom) {
  recipe_.overlong_tokens = 20;
  double entropy[2] = {0, 0};  // of a sampled token, at the end
  for (const bool bonus : {false, true}) {
    recipe_.loss.entropy = bonus ? 1 : 0;
    train_rl(recipe_, options(bonus ? "bonus" : "none"),
             [&](const RlStep& step) { entropy[bonus] = step.rollouts.entropy.value(); });
  }
  EXPECT_GT(entropy[true], entropy[false] + 1);
}

TEST_F(Rl, LearnsNothingFromEqualRewards) {
  recipe_.steps = 1;
  recipe_.optimizer.weight_decay = 0;
  train_rl(recipe_, options("equal"), nullptr);
  const Start untouched = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  write_model(untouched, "memagent", 400, (folder_ / "untouched.gguf").string());
  EXPECT_EQ(read(folder_ / "equal/model.gguf"), read(folder_ / "untouched.gguf"));
}

// Groups that differ in what their updates are worth teach something, right answers or none.
TEST_F(Rl, ResamplingKeepsGroupsThatTeach) {
  recipe_.steps = 1;
  recipe_.resample = 1;
  recipe_.overlong_tokens = 20;
  train_rl(recipe_, options("kept"), [&](const RlStep& step) {
    EXPECT_EQ(step.rollouts.reward.value(), 0);
    EXPECT_EQ(step.rollouts.groups, recipe_.questions);  // none was drawn anew
    EXPECT_GT(step.loss.count, 0);
  });
}

// Counts what another model is asked.
class CountingModel final : public LanguageModel {
 public:
  explicit CountingModel(LanguageModel& model) : model_(model) {}
  const Capabilities& capabilities() const override { return model_.capabilities(); }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return model_.tokenizer(); }
  const std::string& chat_template() const override { return model_.chat_template(); }
  RequestId submit(GenerationRequest request) override {
    ++asked;
    return model_.submit(std::move(request));
  }
  void cancel(RequestId id) override { model_.cancel(id); }
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override {
    model_.wait(results, timeout);
  }
  void wake() override { model_.wake(); }
  int asked = 0;

 private:
  LanguageModel& model_;
};

TEST_F(Rl, HeldOutRowsAreReadAsOftenAsQuestions) {
  const Start start = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  const auto model = model_of(start);
  recipe_.held_out.steps = 1;
  recipe_.held_out.rows = 1;
  recipe_.held_out.document_tokens = {800};
  recipe_.held_out.tasks = {{"vt", 1}};
  const DataParallelGroup alone{Rendezvous()};
  std::vector<int> asked;
  for (const std::int32_t passes : {1, 2}) {
    CountingModel counting(*model);
    HeldOut(recipe_.held_out, 1, 400, passes, start).scores(counting, alone);
    asked.push_back(counting.asked);
  }
  EXPECT_GT(asked[0], 2);
  EXPECT_EQ(asked[1], 2 * (asked[0] - 1) + 1);  // every section again, one answer
}

// Refused recipes leave no folder behind that the mended one would be told to go on with.
TEST_F(Rl, HeldOutRowsThatCannotBeAskedLeaveNoRun) {
  recipe_.held_out.steps = 1;
  recipe_.held_out.rows = 2;
  recipe_.held_out.document_tokens = {800};
  recipe_.held_out.tasks = {{"vt", 1}};
  recipe_.held_out.where = "r.toml: line 3";
  recipe_.reading.question_tokens = 5;
  try {
    train_rl(recipe_, options("refused"), nullptr);
    ADD_FAILURE() << "asked";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("r.toml: line 3"));
    EXPECT_THAT(error.what(), testing::HasSubstr("question_tokens"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "refused/recipe.json"));
}

TEST_F(Rl, WhatIsRefusedLeavesNoRun) {
  recipe_.questions_from.section_tokens = {400, 100'000};
  EXPECT_THROW(train_rl(recipe_, options("mended"), nullptr), Error);
  recipe_.questions_from.section_tokens = {400, 400};
  recipe_.steps = 1;
  train_rl(recipe_, options("mended"), nullptr);
}

TEST_F(Rl, QuestionsThatAreTooLongAreDrawnAnew) {
  recipe_.questions = 12;
  recipe_.group = 2;
  const Start start = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  const auto model = model_of(start);
  std::vector<std::int32_t> lengths;
  for (const Group& group : first_groups(start, *model)) {
    lengths.push_back(start.renderer->count_tokens(group.row.question));
  }
  const auto [shortest, longest] = std::ranges::minmax(lengths);
  ASSERT_LT(shortest, longest);
  recipe_.reading.question_tokens = longest - 1;
  const auto groups = first_groups(start, *model);
  EXPECT_EQ(std::ssize(groups), recipe_.questions);
  for (const Group& group : groups) {
    EXPECT_LT(start.renderer->count_tokens(group.row.question), longest);
  }
  recipe_.reading.question_tokens = shortest / 2;
  EXPECT_THROW(first_groups(start, *model), Error);
}

class Resumed : public Rl, public testing::WithParamInterface<const char*> {};

TEST_P(Resumed, EndsInTheSameBytes) {
  const std::string how = GetParam();
  recipe_.overlap = how.ends_with("Overlap");
  if (how.starts_with("Torch")) recipe_.rollouts = Rollouts::kTorch;
  if (how == "Recomputed") recipe_.machine.recompute_layers = true;
  if (how == "Adapters") recipe_.adapter = {.rank = 2, .matrices = {"attn_qkv", "ffn_down"}};
  if (how == "Average") recipe_.optimizer.average = 0.7;
  recipe_.overlong_tokens = 20;
  recipe_.steps = 6;
  recipe_.mini_batches = 2;
  recipe_.loss.kl = 0.01;
  recipe_.loss.entropy = 0.001;
  train_rl(recipe_, options("whole"), nullptr);
  // Stopped before anything is rolled out, after a step, and about when the step after the next is
  // rolled out, as near as a clock can tell.
  stop_ = true;
  EXPECT_THAT([&] { train_rl(recipe_, options("parts"), nullptr); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("stopped after step 0")));
  stop_ = false;
  EXPECT_THROW(train_rl(recipe_, options("parts", true),
                        [&](const RlStep& step) { stop_ = step.step == 3; }),
               Error);
  stop_ = false;
  std::jthread later;
  try {
    train_rl(recipe_, options("parts", true), [&](const RlStep& step) {
      if (step.step != 4) return;
      later = std::jthread([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        stop_ = true;
      });
    });
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInterrupted) << error.what();
  }
  later.join();
  stop_ = false;
  train_rl(recipe_, options("parts", true), nullptr);
  EXPECT_EQ(read(folder_ / "parts/model.gguf"), read(folder_ / "whole/model.gguf"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Resumed,
                         testing::Values("Plain", "Overlap", "Adapters", "Average", "Torch",
                                         "TorchOverlap", "Recomputed"),
                         [](const auto& of) { return std::string(of.param); });

// Killed after its last checkpoint, or out of room, a run has left all files that it makes.
TEST_F(Rl, WhatTheLastCheckpointLacksIsMadeWhenItGoesOn) {
  recipe_.overlong_tokens = 20;
  recipe_.steps = 2;
  train_rl(recipe_, options("whole"), nullptr);
  fs::create_directories(folder_ / "full/model.gguf/in the way");
  EXPECT_THROW(train_rl(recipe_, options("full"), nullptr), Error);
  fs::remove_all(folder_ / "full/model.gguf");
  train_rl(recipe_, options("full", true), nullptr);
  EXPECT_EQ(read(folder_ / "full/model.gguf"), read(folder_ / "whole/model.gguf"));
}

// A reference is what the run began with, and a wording what it is read in.
TEST_F(Rl, FilesThatHaveChangedAreRefused) {
  recipe_.overlong_tokens = 20;
  recipe_.steps = 2;
  train_rl(recipe_, options("first"), nullptr);
  const fs::path weights = folder_ / "weights.gguf";
  fs::copy_file(folder_ / "first/model.gguf", weights);
  recipe_.network.weights = weights.string();
  recipe_.network.tokenizer.clear();
  recipe_.seed = 3;
  for (const double kl : {0.01, 0.0}) {
    recipe_.loss.kl = kl;
    const char* run = kl > 0 ? "reference" : "plain";
    EXPECT_THROW(
        train_rl(recipe_, options(run), [&](const RlStep& step) { stop_ = step.step == 1; }),
        Error);
    stop_ = false;
  }
  fs::copy_file(folder_ / "plain/model.gguf", weights, fs::copy_options::overwrite_existing);
  recipe_.loss.kl = 0.01;
  try {
    train_rl(recipe_, options("reference", true), nullptr);
    ADD_FAILURE() << "another reference";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("put those back"));
  }
  // Its checkpoint has all weights that this one needs.
  recipe_.loss.kl = 0;
  EXPECT_NO_THROW(train_rl(recipe_, options("plain", true), nullptr));
}

// Updates are rewarded, each by itself, for being malformed, which one that ends at once is. Of 300
// tokens two end a reply; no answer is ever right. The optimum is to end always.
TEST_F(Rl, StepRewardsAreLearntFrom) {
  recipe_.group = 16;
  recipe_.advantage.credit = Credit::kOwn;
  recipe_.step_reward.form = -1;
  std::vector<double> malformed;
  train_rl(recipe_, options("own"),
           [&](const RlStep& step) { malformed.push_back(step.rollouts.malformed.value()); });
  EXPECT_LT(malformed.front(), 0.2);
  EXPECT_GT(malformed.back(), 0.9);
}

// Old log-probabilities and the reference's are those of the distribution that was sampled from: at
// the first update of a batch no ratio differs from 1, and nothing from the reference.
TEST_F(Rl, OneTemperatureForAll) {
  recipe_.steps = 1;
  recipe_.questions = 1;
  recipe_.temperature = 0.5;
  recipe_.loss.kl = 0.1;
  recipe_.optimizer.learning_rate = 1e-12;
  for (const std::int64_t mini_batches : {1, 2}) {
    recipe_.questions = mini_batches;
    recipe_.mini_batches = mini_batches;
    train_rl(recipe_, options(mini_batches == 1 ? "one" : "two"), [](const RlStep& step) {
      EXPECT_GT(step.loss.count, 0);
      EXPECT_LT(step.loss.gap / step.loss.count, 1e-4);
      EXPECT_NEAR(step.loss.largest_ratio, 1, 1e-4);
      EXPECT_LT(step.loss.kl / step.loss.count, 1e-6);
    });
  }
}

// The same questions, in other documents.
TEST_F(Rl, QuestionsStandInCrowdsAsOftenAsTheRecipeSays) {
  recipe_.questions = 12;
  recipe_.group = 1;
  recipe_.questions_from.tasks = {{"world_bridge_2", 1}};
  recipe_.questions_from.document_tokens = {1200, 1200};
  recipe_.questions_from.section_tokens = {600, 600};
  const Start start = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  const auto model = model_of(start);
  const auto documents = [&](double crowded) {
    recipe_.questions_from.crowded = crowded;
    std::vector<std::string> first_sections;
    for (const Group& group : first_groups(start, *model)) {
      first_sections.push_back(start.tokenizer->decode(
          group.trajectories.at(0).trajectory.conversations.at(0).prompt.tokens));
    }
    return first_sections;
  };
  const std::vector<std::string> plain = documents(0);
  const auto others = [&](double crowded) {
    const std::vector<std::string> now = documents(crowded);
    int other = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) other += now.at(i) != plain[i] ? 1 : 0;
    return other;
  };
  EXPECT_EQ(others(1), 12);
  EXPECT_NEAR(others(0.5), 6, 4);
}

TEST_F(Rl, QuestionsStandInClutterAndAreReadAsOftenAsTheRecipeSays) {
  recipe_.questions = 3;
  recipe_.group = 2;
  recipe_.questions_from.tasks = {{"niah_single_2", 1}};
  recipe_.questions_from.document_tokens = {1200, 1200};
  recipe_.questions_from.section_tokens = {600, 600};
  recipe_.questions_from.passes = 2;
  const Start start = make_start(recipe_.network, recipe_.reading, {}, recipe_.seed);
  const auto model = model_of(start);
  std::set<std::string> sections[2];
  for (const double clutter : {0.0, 1.0}) {
    recipe_.questions_from.clutter = clutter;
    for (const Group& group : first_groups(start, *model)) {
      for (const RolledOut& rolled : group.trajectories) {
        std::map<std::int32_t, int> read;
        for (const Conversation& conversation : rolled.trajectory.conversations) {
          if (conversation.kind == ConversationKind::kAnswer) continue;
          ++read[conversation.pass];
          sections[clutter > 0].insert(start.tokenizer->decode(conversation.prompt.tokens));
        }
        EXPECT_EQ(read.size(), 2U);
        EXPECT_EQ(read[0], read[1]);
      }
    }
  }
  // The same needles and questions, in other text.
  std::vector<std::string> both;
  std::ranges::set_intersection(sections[0], sections[1], std::back_inserter(both));
  EXPECT_GT(sections[1].size(), 3U);
  EXPECT_TRUE(both.empty());
}

}  // namespace
}  // namespace memagent
