// The tables of `eval` as a reader sees them.
#include "cli/eval_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace memagent {
namespace {

using testing::HasSubstr;

Cell cell(Method method, const std::string& task, std::int64_t length,
          std::optional<double> score) {
  Cell made;
  made.method = method;
  made.task = task;
  made.length = length;
  made.n = 40;
  if (score)
    made.score = Estimate{40, *score, std::max(0.0, *score - 0.1), std::min(1.0, *score + 0.1)};
  made.outcomes[Outcome::kRight] = 30;
  made.outcomes[Outcome::kNeverNoted] = 10;
  made.prompt_tokens = 1'000'000;
  made.cached_prompt_tokens = 250'000;
  made.generated_tokens = 2000;
  made.seconds = 40;
  return made;
}

TEST(Lengths, AsPeopleWriteThem) {
  EXPECT_EQ(length_text(8192), "8K");
  EXPECT_EQ(length_text(1 << 20), "1M");
  EXPECT_EQ(length_text(3'670'016), "3.5M");
  EXPECT_EQ(length_text(1000), "1,000");
  EXPECT_EQ(length_text(8193), "8,193");
}

TEST(EvalTable, OfOneMethod) {
  const Plan plan{{Method::kMemory}, {"needle", "chain"}, {8192, 65536}};
  const std::vector<Cell> cells = {
      cell(Method::kMemory, "needle", 8192, 1.0), cell(Method::kMemory, "needle", 65536, 0.85),
      cell(Method::kMemory, "chain", 8192, 0.5), cell(Method::kMemory, "chain", 65536, 0.0)};
  // Averages: (1 + 0.5) / 2 -+ sqrt(0.1^2 + 0.1^2) / 2 = 0.75 - 0.0707; above only 0.1 / 2;
  // (0.85 + 0) / 2 - 0.1 / 2, and + 0.0707.
  EXPECT_EQ(eval_table(plan, cells, {}, 80),
            "memory      8K             64K\n"
            "needle   100.0 [90-100]   85.0 [75-95]\n"
            "chain     50.0 [40-60]     0.0 [0-10]\n"
            "average   75.0 [68-80]    42.5 [38-50]\n"
            "\n"
            "160 rows: 120 right, 40 never noted\n"
            "4,000,000 prompt tokens (25% cached), 8,000 generated, 2:40\n"
            "\n");
}

TEST(EvalTable, OneRowIsNotRows) {
  Cell one = cell(Method::kMemory, "needle", 8192, 1.0);
  one.n = 1;
  one.outcomes = {{Outcome::kRight, 1}};
  EXPECT_THAT(eval_table({{Method::kMemory}, {"needle"}, {8192}}, {{one}}, {}, 80),
              HasSubstr("\n1 row: 1 right\n"));
}

TEST(EvalTable, SideBySide) {
  const Plan plan{{Method::kMemory, Method::kFull}, {"needle"}, {8192, 65536}};
  const std::vector<Cell> cells = {
      cell(Method::kMemory, "needle", 8192, 0.9), cell(Method::kMemory, "needle", 65536, 0.9),
      cell(Method::kFull, "needle", 8192, 0.7), cell(Method::kFull, "needle", 65536, std::nullopt)};
  const std::vector<Difference> differences = {
      {Method::kMemory, Method::kFull, 8192, {40, 0.2, 0.05, 0.35}}};
  const std::string table = eval_table(plan, cells, differences, 80);
  EXPECT_THAT(table, HasSubstr("needle     8K             64K\n"
                               "memory   90.0 [80-100]   90.0 [80-100]\n"
                               "full     70.0 [60-80]     n/a\n"));
  EXPECT_THAT(table, HasSubstr("memory less     8K             64K\n"
                               "full         +20.0 [+5,+35]    n/a\n"));
}

TEST(EvalTable, FitsTheWidth) {
  Plan plan{{Method::kMemory}, {"world_bridge_comparison"}, {}};
  std::vector<Cell> cells;
  for (std::int64_t length = 8192; length <= (4 << 20); length *= 2) {
    plan.lengths.push_back(length);
    cells.push_back(cell(Method::kMemory, plan.tasks[0], length, 1.0));
  }
  for (const int width : {80, 100}) {
    std::istringstream lines(eval_table(plan, cells, {}, width));
    std::size_t scores = 0;
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), static_cast<std::size_t>(width)) << line;
      for (std::size_t at = line.find("100.0"); at != std::string::npos;
           at = line.find("100.0", at + 1)) {
        ++scores;
      }
    }
    EXPECT_EQ(scores, cells.size());
  }
}

}  // namespace
}  // namespace memagent
