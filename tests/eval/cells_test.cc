// Rows summed up, on rows few enough to sum by hand.
#include "eval/cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "eval/report_json.h"

namespace memagent {
namespace {

RowResult row(Method method, std::int64_t length, std::int64_t index, double score) {
  RowResult result;
  result.key = {method, "task", length, index};
  result.row.id = "task-" + std::to_string(index);
  result.row.task = "task";
  result.row.answers = {"x"};
  result.row.tokens = 100 * (index + 1);
  result.row.document_bytes = 1000;
  result.verdict.score = score;
  result.verdict.f1 = score / 2;
  result.outcome = score >= 1 ? Outcome::kRight : Outcome::kLost;
  result.prompt_tokens = 10 * (index + 1);
  result.seconds = 0.5;
  return result;
}

void add_evidence(RowResult& result, std::int64_t byte, std::int32_t hop, double score) {
  Evidence fact;
  fact.byte_begin = byte;
  fact.byte_end = byte + 5;
  fact.hop = hop;
  result.row.evidence.push_back(fact);
  result.evidence.push_back({.noted = true, .kept = true, .score = score});
}

const Plan kPlan{{Method::kMemory, Method::kFull}, {"task"}, {1000, 2000}};

TEST(Cells, SumsAndMeans) {
  const std::vector<RowResult> rows = {row(Method::kMemory, 1000, 0, 1),
                                       row(Method::kMemory, 1000, 1, 0.5),
                                       row(Method::kMemory, 1000, 2, 0)};
  const std::vector<Cell> cells = cells_of(kPlan, rows, 1);
  ASSERT_EQ(cells.size(), 4U);
  const Cell& cell = cells[0];
  EXPECT_EQ(cell.n, 3);
  ASSERT_TRUE(cell.score.has_value());
  EXPECT_DOUBLE_EQ(cell.score->mean, 0.5);
  EXPECT_DOUBLE_EQ(cell.f1, 0.25);
  EXPECT_DOUBLE_EQ(cell.tokens, 200);  // (100 + 200 + 300) / 3
  EXPECT_EQ(cell.prompt_tokens, 60);
  EXPECT_EQ(cell.document_tokens, 600);
  EXPECT_DOUBLE_EQ(cell.seconds, 1.5);
  EXPECT_EQ(cell.outcomes,
            (std::map<Outcome, std::int64_t>{{Outcome::kRight, 1}, {Outcome::kLost, 2}}));
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(cells[i].n, 0);
    EXPECT_FALSE(cells[i].score.has_value());
  }
}

TEST(Cells, DoNotDependOnTheOrderOfRows) {
  std::vector<RowResult> rows;
  for (int i = 0; i < 20; ++i) rows.push_back(row(Method::kMemory, 1000, i, i % 3 * 0.37));
  const Estimate forwards = *cells_of(kPlan, rows, 1)[0].score;
  std::reverse(rows.begin(), rows.end());
  const Estimate backwards = *cells_of(kPlan, rows, 1)[0].score;
  EXPECT_EQ(forwards.mean, backwards.mean);
  EXPECT_EQ(forwards.low, backwards.low);
  EXPECT_EQ(forwards.high, backwards.high);
}

TEST(Cells, DepthsOfEvidence) {
  RowResult first = row(Method::kMemory, 1000, 0, 1);
  add_evidence(first, 0, 0, 1);
  add_evidence(first, 99, 0, 0.5);
  add_evidence(first, 100, 0, 0);
  add_evidence(first, 999, 0, 0.25);
  RowResult second = row(Method::kMemory, 1000, 1, 1);
  add_evidence(second, -1, 0, 1);    // its place is not known
  add_evidence(second, 1000, 0, 1);  // nowhere in the document
  const std::vector<RowResult> rows = {first, second};
  const Cell cell = cells_of(kPlan, rows, 1)[0];
  ASSERT_EQ(cell.by_depth.size(), 10U);
  EXPECT_EQ(cell.by_depth[0].n, 2);
  EXPECT_DOUBLE_EQ(cell.by_depth[0].score, 0.75);
  EXPECT_EQ(cell.by_depth[1].n, 1);
  EXPECT_DOUBLE_EQ(cell.by_depth[1].score, 0);
  EXPECT_EQ(cell.by_depth[9].n, 1);
  EXPECT_DOUBLE_EQ(cell.by_depth[9].score, 0.25);
  EXPECT_DOUBLE_EQ(cell.by_depth[9].low, 0.9);
  EXPECT_DOUBLE_EQ(cell.by_depth[9].high, 1.0);
  for (std::size_t i = 2; i < 9; ++i) EXPECT_EQ(cell.by_depth[i].n, 0);
}

TEST(Cells, Hops) {
  std::vector<RowResult> rows;
  for (const auto& [hops, score] : {std::pair(1, 1.0), std::pair(3, 0.0), std::pair(3, 1.0)}) {
    rows.push_back(row(Method::kMemory, 1000, static_cast<std::int64_t>(rows.size()), score));
    for (std::int32_t hop = 0; hop < hops; ++hop) add_evidence(rows.back(), 5, hop, score);
  }
  rows.push_back(row(Method::kMemory, 1000, 9, 1));  // without evidence
  const Cell cell = cells_of(kPlan, rows, 1)[0];
  ASSERT_EQ(cell.by_hops.size(), 2U);
  EXPECT_EQ(cell.by_hops[0].hops, 1);
  EXPECT_EQ(cell.by_hops[0].n, 1);
  EXPECT_DOUBLE_EQ(cell.by_hops[0].score, 1);
  EXPECT_EQ(cell.by_hops[1].hops, 3);
  EXPECT_EQ(cell.by_hops[1].n, 2);
  EXPECT_DOUBLE_EQ(cell.by_hops[1].score, 0.5);
}

TEST(Cells, ATooLongRowLeavesTheCellWithoutAScore) {
  std::vector<RowResult> rows = {row(Method::kFull, 1000, 0, 1), row(Method::kFull, 1000, 1, 0)};
  rows[1].outcome = Outcome::kTooLong;
  const Cell cell = cells_of(kPlan, rows, 1)[2];
  EXPECT_EQ(cell.method, Method::kFull);
  EXPECT_EQ(cell.n, 2);
  EXPECT_FALSE(cell.score.has_value());
}

TEST(Differences, AreOfTheSameRows) {
  std::vector<RowResult> rows;
  for (int i = 0; i < 4; ++i) rows.push_back(row(Method::kMemory, 1000, i, 1));
  // One of them was not run with the other method: 1 - 0, 1 - 1, 1 - 0.5 are left.
  rows.push_back(row(Method::kFull, 1000, 0, 0));
  rows.push_back(row(Method::kFull, 1000, 1, 1));
  rows.push_back(row(Method::kFull, 1000, 2, 0.5));
  // No score: no difference.
  rows.push_back(row(Method::kMemory, 2000, 0, 1));
  rows.push_back(row(Method::kFull, 2000, 0, 0));
  rows.back().outcome = Outcome::kTooLong;
  const std::vector<Cell> cells = cells_of(kPlan, rows, 1);
  const std::vector<Difference> differences = differences_of(kPlan, rows, cells, 1);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].length, 1000);
  EXPECT_EQ(differences[0].against, Method::kFull);
  EXPECT_EQ(differences[0].score.n, 3);
  EXPECT_DOUBLE_EQ(differences[0].score.mean, 0.5);
}

TEST(ReportJson, HoldsWhatItIsGiven) {
  std::vector<RowResult> rows = {row(Method::kMemory, 1000, 0, 1), row(Method::kFull, 1000, 0, 0)};
  add_evidence(rows[0], 5, 0, 1);
  rows[0].response = "not \xFF UTF-8";
  rows[1].outcome = Outcome::kTooLong;
  ReportHead head;
  head.version = "0.1.0";
  head.settings_json = R"({"seed":3})";
  head.tasks = {{"task", "what it is"}};
  const std::vector<Cell> cells = cells_of(kPlan, rows, 1);
  const auto report = nlohmann::json::parse(
      report_json(head, kPlan, cells, differences_of(kPlan, rows, cells, 1), rows));
  EXPECT_EQ(report["memagent"], "0.1.0");
  EXPECT_EQ(report["settings"]["seed"], 3);
  EXPECT_EQ(report["tasks"][0]["description"], "what it is");
  EXPECT_EQ(report["lengths"], (std::vector{1000, 2000}));
  EXPECT_EQ(report["methods"], (std::vector<std::string>{"memory", "full"}));
  ASSERT_EQ(report["cells"].size(), 4U);
  EXPECT_EQ(report["cells"][0]["score"], 1.0);
  EXPECT_EQ(report["cells"][0]["outcomes"]["right"], 1);
  EXPECT_EQ(report["cells"][0]["by_depth"][0]["score"], 1.0);
  EXPECT_FALSE(report["cells"][0]["by_depth"][1].contains("score"));
  EXPECT_EQ(report["cells"][1]["n"], 0);
  EXPECT_FALSE(report["cells"][2].contains("score"));  // not run: never zero
  EXPECT_EQ(report["cells"][2]["outcomes"]["too_long"], 1);
  ASSERT_EQ(report["rows"].size(), 2U);
  EXPECT_EQ(report["rows"][0]["response"], "not \xEF\xBF\xBD UTF-8");
  EXPECT_EQ(report["rows"][0]["evidence"][0]["byte_begin"], 5);
  EXPECT_EQ(report["differences"].size(), 0U);
}

}  // namespace
}  // namespace memagent
