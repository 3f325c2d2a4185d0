// `memagent train` from outside: the program that everybody runs becomes the trainer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run_program.h"

namespace memagent {
namespace {

using testing::HasSubstr;

void expect_error(const std::vector<std::string>& arguments, int code, const std::string& part) {
  const RunResult result = run_memagent(arguments);
  EXPECT_EQ(result.exit_code, code) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr(part));
  EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
}

TEST(Train, ListsTheKeysOfRecipes) {
  const RunResult sft = run_memagent({"train", "keys"});
  EXPECT_EQ(sft.exit_code, 0) << sft.errors;
  EXPECT_THAT(sft.output, HasSubstr("[[stage]]\n"));
  EXPECT_THAT(sft.output, HasSubstr("learning_rate"));
  const RunResult rl = run_memagent({"train", "keys", "--rl"});
  EXPECT_EQ(rl.exit_code, 0) << rl.errors;
  EXPECT_THAT(rl.output, HasSubstr("clip_high"));
}

TEST(Train, WrongRequestsAreOneLine) {
  const ScratchFolder folder;
  write_file(folder / "r.toml", "[network]\ntokenizer = \"t.json\"\nnum_heads = \"four\"\n");
  expect_error({"train"}, 2, "train: a command is needed");
  expect_error({"train", "sft"}, 2, "train sft: --recipe is required");
  expect_error({"train", "sft", "--recipe", folder / "none.toml", "-o", folder / "run"}, 3,
               "none.toml: cannot be read");
  expect_error({"train", "sft", "--recipe", folder / "r.toml", "-o", folder / "run"}, 3,
               "r.toml: line 3: key network.num_heads must be a whole number");
  expect_error({"train", "rl", "--recipe", folder / "r.toml", "-o", folder / "run"}, 3, "line 3");
}

TEST(Train, OtherWeightsThanTheRecipesAreThoseOfTheFlag) {
  const ScratchFolder folder;
  write_file(folder / "from.toml",
             "[network]\nweights = \"builtin:nano\"\n[reading]\nsection_tokens = 192\n"
             "[questions_from]\ntasks = { niah_single_2 = 1 }\n");
  expect_error({"train", "rl", "--recipe", folder / "from.toml", "--weights", folder / "other.gguf",
                "-o", folder / "run"},
               3, "other.gguf'");
  write_file(
      folder / "new.toml",
      "[network]\ntokenizer = \"t.json\"\n[questions_from]\ntasks = { niah_single_2 = 1 }\n");
  expect_error({"train", "rl", "--recipe", folder / "new.toml", "--weights", "builtin:nano", "-o",
                folder / "run"},
               2, "begins with random weights");
}

}  // namespace
}  // namespace memagent
