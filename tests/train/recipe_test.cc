// Recipes: what is read, and what is said about wrong ones.
#include "train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "memagent/error.h"

namespace memagent {
namespace {

using testing::HasSubstr;

constexpr const char* kGood = R"(
seed = 7
[network]
tokenizer = "words/tokenizer.json"
[optimizer]
schedule = "linear"
learning_rate = 1
[[stage]]
name = "first"
tasks = { niah_single_1 = 2, vt = 0.5 }
[[stage]]
section_tokens = [10, 20]
tasks = { drill = 1 }
)";

class RecipeFile : public testing::Test {
 protected:
  RecipeFile()
      : folder_(std::filesystem::temp_directory_path() /
                ("memagent-recipe-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~RecipeFile() override { std::filesystem::remove_all(folder_); }

  SftRecipe load(const std::string& text) const {
    std::ofstream(path()) << text;
    return load_sft_recipe(path());
  }
  std::string complaint(const std::string& text) const {
    try {
      load(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return "no error";
  }
  std::string path() const { return (folder_ / "r.toml").string(); }
  std::string with(const std::string& from, const std::string& to) const {
    std::string text = kGood;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }

  std::filesystem::path folder_;
};

TEST_F(RecipeFile, IsRead) {
  const SftRecipe recipe = load(kGood);
  EXPECT_EQ(recipe.seed, 7U);
  EXPECT_EQ(recipe.network.tokenizer, (folder_ / "words/tokenizer.json").string());
  EXPECT_EQ(recipe.optimizer.schedule, Schedule::kLinear);
  EXPECT_EQ(recipe.optimizer.learning_rate, 1.0);
  EXPECT_EQ(recipe.reading.policy, Policy::kGated);
  ASSERT_EQ(recipe.stages.size(), 2U);
  EXPECT_EQ(recipe.stages[0].name, "first");
  ASSERT_EQ(recipe.stages[0].tasks.size(), 2U);
  EXPECT_EQ(recipe.stages[0].tasks[1].task, "vt");
  EXPECT_EQ(recipe.stages[0].tasks[1].weight, 0.5);
  EXPECT_THAT(recipe.stages[1].section_tokens, testing::ElementsAre(10, 20));
}

TEST_F(RecipeFile, WhatIsKeptSaysEverything) {
  const std::string json = to_json(load(kGood));
  EXPECT_THAT(json, HasSubstr(R"("schedule":"linear")"));
  EXPECT_THAT(json, HasSubstr(R"("tasks":{"niah_single_1":2.0,"vt":0.5})"));
  EXPECT_NE(json, to_json(load(with("seed = 7", "seed = 8"))));
}

// What a run computes on; where nothing is said, the record is as before there was a choice.
TEST_F(RecipeFile, TheMachineIsRead) {
  const SftRecipe plain = load(kGood);
  EXPECT_EQ(plain.machine.device, "cpu");
  EXPECT_EQ(plain.machine.compute, ComputeType::kFloat32);
  EXPECT_FALSE(plain.machine.recompute_layers);
  EXPECT_THAT(to_json(plain), testing::Not(HasSubstr("device")));
  EXPECT_THAT(to_json(plain), testing::Not(HasSubstr("recompute")));
  const SftRecipe other = load(
      with("seed = 7", "device = \"cuda:1\"\ncompute = \"bfloat16\"\nrecompute_layers = true"));
  EXPECT_EQ(other.machine.device, "cuda:1");
  EXPECT_EQ(other.machine.compute, ComputeType::kBFloat16);
  EXPECT_TRUE(other.machine.recompute_layers);
  EXPECT_THAT(to_json(other), HasSubstr(R"("device":"cuda:1","compute":"bfloat16")"));
}

TEST_F(RecipeFile, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(complaint(with("seed = 7", "sead = 7")), HasSubstr("line 2: unknown key sead"));
  EXPECT_THAT(complaint(with("seed = 7", "device = \"gpu\"")),
              HasSubstr("line 2: device is 'gpu': choose cpu, cuda or cuda:N"));
  EXPECT_THAT(complaint(with("seed = 7", "compute = \"float16\"")),
              HasSubstr("line 2: compute is 'float16': choose one of float32, bfloat16"));
  EXPECT_THAT(complaint(with("seed = 7", "seed = \"7\"")),
              HasSubstr("line 2: key seed must be a whole number, not negative"));
  EXPECT_THAT(complaint(with("\"linear\"", "\"steps\"")),
              HasSubstr("line 6: optimizer.schedule is 'steps': choose one of constant, linear"));
  EXPECT_THAT(complaint(with("learning_rate", "lerning_rate")),
              HasSubstr("line 7: unknown key optimizer.lerning_rate"));
  EXPECT_THAT(complaint(with("[10, 20]", "[20, 10]")),
              HasSubstr("line 12: stage.section_tokens must be two lengths, the shorter first"));
  EXPECT_THAT(complaint(with("vt = 0.5", "vt = 0")),
              HasSubstr("line 10: stage.tasks.vt must be more than 0"));
  EXPECT_THAT(complaint(with("vt = 0.5", "tv = 0.5")),
              HasSubstr("line 10: stage.tasks.tv is no task: choose of niah_single_1, "));
  EXPECT_THAT(complaint(with("{ drill = 1 }", "{}")), HasSubstr("stage.tasks has none"));
  EXPECT_THAT(complaint(with("vt = 0.5 }", "vt = 0.5 }\noutsiders = 0.5")),
              HasSubstr("stage.outside has none"));
  EXPECT_THAT(complaint(with("vt = 0.5 }", "vt = 0.5 }\noutside = { drill = 1 }")),
              HasSubstr("line 11: stage.outside.drill is no task: choose of niah_single_1, "));
  EXPECT_THAT(complaint(with("tokenizer =", "weights = \"w.gguf\"\ntokenizer =")),
              HasSubstr("network.tokenizer and network.weights: give one of the two"));
  EXPECT_THAT(complaint(with("tokenizer = \"words/tokenizer.json\"",
                             "weights = \"w.gguf\"\nnum_layers = 2")),
              HasSubstr("line 5: network.num_layers and network.weights: weights bring their own"));
  const std::string grown = "tokenizer = \"words/tokenizer.json\"";
  EXPECT_THAT(complaint(with(grown, grown + "\ntimes_as_wide = 2")),
              HasSubstr("line 5: network.times_as_wide needs network.weights"));
  const std::string weights = "weights = \"w.gguf\"\n";
  EXPECT_THAT(complaint(with(grown, weights + "more_layers = 1\ntimes_as_wide = 0")),
              HasSubstr("line 6: network.times_as_wide must be from 1 to 16"));
  EXPECT_THAT(complaint(with(grown, weights + "times_as_wide = 2\nmore_layers = -1")),
              HasSubstr("line 6: network.more_layers must be at least 0"));
  EXPECT_THAT(complaint(with("[optimizer]", "[adapter]\nmatrices = [\"attn_q\"]\n[optimizer]")),
              HasSubstr("line 6: adapter.matrices has 'attn_q': choose of attn_qkv, attn_output"));
  EXPECT_THAT(complaint(with("[optimizer]", "[held_out]\nsteps = 5\n[optimizer]")),
              HasSubstr("held_out.tasks has none"));
  EXPECT_THAT(complaint(with("[optimizer]",
                             "[held_out]\nsteps = 5\ndocument_tokens = []\n"
                             "tasks = { vt = 1 }\n[optimizer]")),
              HasSubstr("line 7: held_out.document_tokens must be lengths"));
  EXPECT_THAT(complaint("seed = 1\n[network]\ntokenizer = \"t\"\n"),
              HasSubstr("there is no [[stage]]"));
  EXPECT_THAT(complaint("seed = \n"), HasSubstr("line 1: "));
}

TEST_F(RecipeFile, RefusesNumbersThatMakeNoSense) {
  for (const char* line :
       {"learning_rate = -1", "learning_rate = nan", "learning_rate = inf", "beta1 = 1.0",
        "beta2 = -0.1", "epsilon = 0.0", "weight_decay = -1", "clip_norm = -1", "average = 1.5",
        "average = 1.0", "warmup_steps = -1", "final_share = 2", "most_skipped = 0"}) {
    const std::string key(line, std::string_view(line).find(' '));
    EXPECT_THAT(complaint(with("learning_rate = 1", line)),
                HasSubstr("line 7: optimizer." + key + " must be "))
        << line;
  }
  for (const char* line : {"batch_tokens = 0", "batch_tokens = -5", "checkpoint_minutes = -1"}) {
    EXPECT_THAT(complaint(with("seed = 7", line)), HasSubstr("must be at least")) << line;
  }
  EXPECT_THAT(complaint(with("seed = 7", "batch_tokens = 999999999999")),
              HasSubstr("must be at most 16777216"));
  for (const char* line : {"until = 0", "keeps_per_update = -1", "section_weight = -1",
                           "section_weight = nan", "sure = 1", "keep_sure = 2"}) {
    EXPECT_THAT(complaint(with("[10, 20]", std::string("[10, 20]\n") + line)),
                HasSubstr("line 13: stage."))
        << line;
  }
  const std::string tokenizer = "tokenizer = \"words/tokenizer.json\"";
  EXPECT_THAT(complaint(with(tokenizer, tokenizer + "\nnum_heads = 6\nnum_kv_heads = 4")),
              HasSubstr("line 6: network.num_kv_heads is 4: 6 heads cannot share them evenly"));
  EXPECT_THAT(complaint(with(tokenizer, tokenizer + "\nhead_dim = 5")),
              HasSubstr("line 5: network.head_dim must be even"));
  EXPECT_THAT(complaint(with("[optimizer]", "[held_out]\nsteps = -1\n[optimizer]")),
              HasSubstr("held_out.steps must be at least 0"));
}

// The recipes that come with the project, by their names.
TEST(Recipes, OfTheProjectAreRead) {
  int read = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(RECIPES)) {
    const std::string name = entry.path().filename().string();
    if (name == "prompts.toml" || entry.path().extension() != ".toml") continue;
    const bool rl = name.ends_with("rl.toml");
    SCOPED_TRACE(entry.path().string());
    EXPECT_NO_THROW(rl ? (void)load_rl_recipe(entry.path().string())
                       : (void)load_sft_recipe(entry.path().string()));
    ++read;
  }
  EXPECT_GE(read, 4);
}

class RlRecipeFile : public RecipeFile {
 protected:
  RlRecipe load_rl(const std::string& advantage, const std::string& rest = "") const {
    std::ofstream(path()) << "[network]\ntokenizer = \"t.json\"\n[questions_from.tasks]\nvt = 1\n"
                          << "[advantage]\n"
                          << advantage << "\n"
                          << rest;
    return load_rl_recipe(path());
  }
  std::string complaint(const std::string& advantage, const std::string& rest) const {
    try {
      load_rl(advantage, rest);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(RlRecipeFile, DataSetsAreATask) {
  EXPECT_THAT(complaint("", "[questions_from]\ndata = \"rows.json\""), HasSubstr("line"));
  std::ofstream(path()) << "[network]\nweights = \"builtin:nano\"\n"
                           "[questions_from]\ndata = \"rows.json\"\ntasks = { data = 1 }\n";
  const RlRecipe recipe = load_rl_recipe(path());
  EXPECT_EQ(recipe.questions_from.data.path, (folder_ / "rows.json").string());
  EXPECT_EQ(recipe.network.weights, "builtin:nano");
  std::ofstream(path()) << "[network]\nweights = \"w\"\n[questions_from]\ntasks = { data = 1 }\n";
  EXPECT_THROW(load_rl_recipe(path()), Error);
}

TEST_F(RlRecipeFile, FilesOfTextAreNamedWhereSomethingUsesThem) {
  std::ofstream(path()) << with("tasks = { drill = 1 }",
                                "text = \"mine.txt\"\nhaystack = \"hay.txt\"\n"
                                "tasks = { text = 1, relay = 1 }");
  const Stage stage = load_sft_recipe(path()).stages.at(1);
  EXPECT_EQ(stage.text, (folder_ / "mine.txt").string());
  EXPECT_EQ(stage.haystack, (folder_ / "hay.txt").string());
  EXPECT_THAT(RecipeFile::complaint(with("drill = 1", "text = 1")),
              HasSubstr("text and the task text belong together"));
  EXPECT_THAT(
      RecipeFile::complaint(with("tasks = { drill", "haystack = \"h.txt\"\ntasks = { drill")),
      HasSubstr("haystack needs a task whose documents are prose"));
  std::ofstream(path()) << "[network]\nweights = \"w\"\n[questions_from]\nhaystack = \"h.txt\"\n"
                           "tasks = { qa_1 = 1 }\n";
  EXPECT_THAT([&] { load_rl_recipe(path()); },
              testing::ThrowsMessage<Error>(HasSubstr("needs a task whose documents are prose")));
  std::ofstream(path()) << kGood
                        << "[held_out]\nsteps = 10\ndata = \"dev.json\"\ntasks = { data = 1 }\n";
  EXPECT_EQ(load_sft_recipe(path()).held_out.data.path, (folder_ / "dev.json").string());
  EXPECT_THAT(
      RecipeFile::complaint(std::string(kGood) + "[held_out]\nsteps = 10\ntasks = { data = 1 }\n"),
      HasSubstr("held_out.data and the task data belong together"));
}

TEST_F(RlRecipeFile, QuestionsMayStandInClutterAndBeReadTwice) {
  const QuestionConfig plain = load_rl("").questions_from;
  EXPECT_EQ(plain.clutter, 0);
  EXPECT_EQ(plain.passes, 1);
  std::ofstream(path()) << "[network]\nweights = \"w\"\n[questions_from]\nclutter = 0.5\n"
                           "passes = 2\ntasks = { vt = 1 }\n";
  const QuestionConfig read = load_rl_recipe(path()).questions_from;
  EXPECT_EQ(read.clutter, 0.5);
  EXPECT_EQ(read.passes, 2);
  EXPECT_THAT(complaint("", "[questions_from]\nclutter = 1.5"),
              HasSubstr("questions_from.clutter must be from 0 to 1"));
  EXPECT_THAT(complaint("", "[questions_from]\ncrowded = -1"),
              HasSubstr("questions_from.crowded must be from 0 to 1"));
  EXPECT_THAT(complaint("", "[questions_from]\ncrowded = 0.5"),
              HasSubstr("questions_from.crowded needs a task of the invented encyclopedia"));
  EXPECT_THAT(complaint("", "[questions_from]\ndistractors = \"rows.json\""),
              HasSubstr("questions_from.distractors pads rows of data"));
  EXPECT_THAT(complaint("", "[questions_from]\npasses = 0"),
              HasSubstr("questions_from.passes must be at least 1"));
}

TEST_F(RlRecipeFile, RewardsOfStepsAreRead) {
  EXPECT_EQ(load_rl("").advantage.credit, Credit::kAll);
  EXPECT_EQ(load_rl("credit = \"answer\"").advantage.credit, Credit::kAnswer);
  const RlRecipe recipe = load_rl("own_weight = 0.5", "[step_reward]\ngate = 2\nexit = 1\n");
  EXPECT_EQ(recipe.advantage.own_weight, 0.5);
  EXPECT_EQ(recipe.step_reward.gate, 2);
  EXPECT_FALSE(recipe.advantage.same_prompt);
  EXPECT_TRUE(load_rl("same_prompt = true").advantage.same_prompt);
}

TEST_F(RlRecipeFile, RolloutsFollowTheDevice) {
  const auto rollouts = [&](const std::string& keys) {
    std::ofstream(path()) << keys << "[network]\nweights = \"w\"\n[questions_from.tasks]\nvt = 1\n";
    return load_rl_recipe(path()).rollouts;
  };
  EXPECT_EQ(rollouts(""), Rollouts::kEngine);
  EXPECT_EQ(rollouts("rollouts = \"torch\"\n"), Rollouts::kTorch);
  EXPECT_EQ(rollouts("device = \"cuda\"\n"), Rollouts::kTorch);
  EXPECT_EQ(rollouts("device = \"cuda\"\nrollouts = \"engine\"\n"), Rollouts::kEngine);
  EXPECT_THROW(rollouts("rollouts = \"none\"\n"), Error);
  EXPECT_THROW(rollouts("rollout_cache_gb = 0\n"), Error);
  EXPECT_THAT(to_json(load_rl("")), testing::Not(HasSubstr("rollouts")));
}

TEST_F(RlRecipeFile, WhatCannotGoTogetherIsRefused) {
  EXPECT_THAT(complaint("own_weight = 0.5", ""), HasSubstr("needs step rewards"));
  EXPECT_THAT(complaint("credit = \"own\"", ""), HasSubstr("needs step rewards"));
  EXPECT_THAT(complaint("", "[step_reward]\ngate = 1\n"), HasSubstr("would do nothing"));
  EXPECT_THAT(complaint("credit = \"own\"\nown_weight = 1", "[step_reward]\ngate = 1\n"),
              HasSubstr("credit 'own' leaves out"));
  EXPECT_THAT(
      complaint("own_weight = 1", "[step_reward]\nexit = 1\n[reading]\npolicy = \"overwrite\"\n"),
      HasSubstr("needs the policy 'gated'"));
  EXPECT_THAT(complaint("same_prompt = true", "[reading]\npolicy = \"overwrite\"\n"),
              HasSubstr("needs the policy 'gated'"));
  EXPECT_THAT(complaint("", "[loss]\nclip_low = 2\n"), HasSubstr("clip_low"));
  EXPECT_THAT(complaint("", "[loss]\nimportance_cap = 0.5\n"), HasSubstr("importance_cap"));
  EXPECT_THAT(complaint("credit = \"answer\"\nown_weight = 1", "[step_reward]\ngate = 1\n"),
              HasSubstr("credit 'answer' leaves out"));
  for (const char* line : {"steps = 0", "questions = 2\nmini_batches = 3", "resample = -1",
                           "overlong_tokens = -1", "overlong_tokens = 1000", "temperature = inf"}) {
    std::ofstream(path()) << line
                          << "\n[network]\nweights = \"w\"\n[questions_from.tasks]\nvt = 1\n";
    EXPECT_THROW(load_rl_recipe(path()), Error) << line;
  }
  std::ofstream(path()) << "overlong_tokens = 8\n[network]\nweights = \"w\"\n"
                           "[questions_from.tasks]\nvt = 1\n[advantage]\ncredit = \"own\"\n"
                           "[step_reward]\ngate = 1\n";
  EXPECT_THROW(load_rl_recipe(path()), Error);
  std::ofstream(path())
      << "overlap = true\n[network]\nweights = \"w\"\n[questions_from.tasks]\nvt = 1\n"
         "[loss]\nimportance_cap = 0\n";
  EXPECT_THROW(load_rl_recipe(path()), Error);
  // What a KL is taken over may not be left out.
  for (const std::string kl : {"0", "0.1"}) {
    std::ofstream(path())
        << "sure = 0.99\n[network]\nweights = \"w\"\n[questions_from.tasks]\nvt = 1\n[loss]\nkl = "
        << kl << "\n";
    if (kl == "0") {
      EXPECT_EQ(load_rl_recipe(path()).sure, 0.99);
    } else {
      EXPECT_THROW(load_rl_recipe(path()), Error);
    }
  }
}

}  // namespace
}  // namespace memagent
