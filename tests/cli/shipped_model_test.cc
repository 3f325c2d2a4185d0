// The model that comes with the program, as a newcomer meets it: no flags.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/run_program.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(ShippedModel, FindsANeedleWithoutAnyFlag) {
  const ScratchFolder folder;
  const RunResult row = run_memagent(
      {"synth", "--task", "niah_single_2", "--tokens", "8K", "--model", "builtin:nano", "--quiet"});
  ASSERT_EQ(row.exit_code, 0) << row.errors;
  const json made = json::parse(row.output);
  const std::string document = folder / "document.txt";
  write_file(document, made["context"].get<std::string>());
  const RunResult asked =
      run_memagent({"ask", "-q", made["question"].get<std::string>(), document, "--json"});
  ASSERT_EQ(asked.exit_code, 0) << asked.errors;
  const json report = json::parse(asked.output);
  EXPECT_THAT(report["answer"].get<std::string>(),
              HasSubstr(made["answers"][0].get<std::string>()));
  // How it reads stands in its file.
  EXPECT_EQ(report["settings"]["policy"], "gated");
  EXPECT_EQ(report["settings"]["layout"], "section-first");
  EXPECT_GT(report["sections"], 10);
}

TEST(ShippedModel, IsAModelLikeAnyOther) {
  const RunResult info = run_memagent({"model", "info", "builtin:nano"});
  ASSERT_EQ(info.exit_code, 0) << info.errors;
  EXPECT_THAT(info.output, HasSubstr("architecture:  qwen3"));
  EXPECT_THAT(info.output, HasSubstr("Q8_0"));
}

TEST(ShippedModel, GoesOnInASessionByItsName) {
  const ScratchFolder folder;
  write_file(folder / "d.txt", "The number entered for calm-river is 1234567. Nothing else.\n");
  const std::vector<std::string> ask = {"ask",       "-q", "Which number?", folder / "d.txt",
                                        "--session", "s",  "--store",       folder / "store"};
  const RunResult first = run_memagent(ask);
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  const RunResult again = run_memagent({"ask", "--session", "s", "--store", folder / "store"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(again.output, first.output);
}

}  // namespace
}  // namespace memagent
