// The log of rows under everything that can happen to it.
#include "eval/row_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "format/temporary_folder.h"
#include "memagent/error.h"

namespace memagent {
namespace {

using testing::HasSubstr;

RowResult row(std::int64_t index) {
  RowResult result;
  result.key = {Method::kTruncateMiddle, "task", 8192, index};
  result.row.id = "task-" + std::to_string(index);
  result.row.task = "task";
  result.row.question = "Who \"wrote\"\nit?";
  result.row.answers = {"Ann", "Ann \xC3\x89lise"};
  result.row.match = Match::kAll;
  result.row.tokens = 8000;
  result.row.document_bytes = 31'000;
  result.row.evidence = {{.text = "It was Ann.",
                          .byte_begin = 5,
                          .byte_end = 16,
                          .values = {"Ann"},
                          .note = "by Ann",
                          .hop = 2}};
  result.response = "Ann";
  result.error = "timed out";
  result.verdict = {.score = 0.5, .exact_match = 0, .f1 = 0.25, .extracted = "Ann"};
  result.outcome = Outcome::kNotShown;
  result.evidence = {{.noted = true, .kept = false, .score = 1}};
  result.sections = 7;
  result.prompt_tokens = 1;
  result.cached_prompt_tokens = 2;
  result.generated_tokens = 3;
  result.discarded_generated_tokens = 4;
  result.malformed = 5;
  result.truncated = 6;
  result.sections_without_evidence = 9;
  result.false_updates = 8;
  result.seconds = 1.5;
  result.trace = {{.pass = 1,
                   .section_index = 3,
                   .byte_begin = 10,
                   .byte_end = 20,
                   .decision = "overwrite",
                   .memory = "Ann?"},
                  {.section_index = 4, .decision = "keep", .memory = {}}};
  return result;
}

std::vector<std::string> lines_of(const RowLog& log) {
  std::vector<std::string> lines;
  log.read([&](const RowResult& result) { lines.push_back(to_json(result)); });
  return lines;
}

std::string error_of(const std::function<void()>& act, ErrorKind kind) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

class RowLogTest : public testing::Test {
 protected:
  std::string folder() const { return folder_.path("run"); }
  std::string rows_path() const { return folder() + "/rows.jsonl"; }
  TemporaryFolder folder_;
};

TEST_F(RowLogTest, GivesBackWhatItTook) {
  {
    RowLog log(folder(), R"({"seed":1})");
    EXPECT_TRUE(lines_of(log).empty());
    log.append(row(0));
    log.append(row(1));
  }
  RowLog log(folder(), R"({"seed":1})");
  log.append(row(2));
  EXPECT_EQ(lines_of(log), (std::vector{to_json(row(0)), to_json(row(1)), to_json(row(2))}));
}

// A run that was stopped goes on with a program that counts more.
TEST_F(RowLogTest, RowsOfBeforeFalseUpdatesWereCountedAreRead) {
  { RowLog log(folder(), "{}"); }
  const std::string counts = R"("sections_without_evidence":9,"false_updates":8,)";
  std::string line = to_json(row(0));
  const std::size_t at = line.find(counts);
  ASSERT_NE(at, std::string::npos);
  folder_.write("run/rows.jsonl", line.erase(at, counts.size()) + "\n");
  RowResult expected = row(0);
  expected.sections_without_evidence = 0;
  expected.false_updates = 0;
  EXPECT_EQ(lines_of(RowLog(folder(), "{}")), std::vector{to_json(expected)});
}

TEST_F(RowLogTest, DropsATornLastLine) {
  {
    RowLog log(folder(), "{}");
    log.append(row(0));
    log.append(row(1));
  }
  const std::string whole = TemporaryFolder::read(rows_path());
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t size = 0; size <= whole.size(); size += size + 1 < first ? 97 : 1) {
    folder_.write("run/rows.jsonl", whole.substr(0, size));
    RowLog log(folder(), "{}");
    const std::size_t expected = size == whole.size() ? 2 : size >= first ? 1 : 0;
    ASSERT_EQ(lines_of(log).size(), expected) << size;
    log.append(row(5));
    ASSERT_EQ(lines_of(log).back(), to_json(row(5))) << size;
  }
}

TEST_F(RowLogTest, NamesTheSettingThatDiffers) {
  { RowLog log(folder(), R"({"seed":1,"policy":"gated"})"); }
  EXPECT_THAT(
      error_of([&] { RowLog log(folder(), R"({"seed":2,"policy":"gated"})"); }, ErrorKind::kUsage),
      HasSubstr("seed was 1, now 2"));
  EXPECT_THAT(error_of([&] { RowLog log(folder(), R"({"seed":1})"); }, ErrorKind::kUsage),
              HasSubstr("policy was \"gated\", now null"));
  EXPECT_NO_THROW(RowLog(folder(), R"({"policy":"gated","seed":1})"));
}

TEST_F(RowLogTest, OneRunAtATime) {
  RowLog log(folder(), "{}");
  EXPECT_THAT(error_of([&] { RowLog other(folder(), "{}"); }, ErrorKind::kUsage),
              HasSubstr("another run is writing there"));
}

TEST_F(RowLogTest, NamesALineThatIsNoRow) {
  {
    RowLog log(folder(), "{}");
    log.append(row(0));
  }
  const std::string good = TemporaryFolder::read(rows_path());
  folder_.write("run/rows.jsonl", good + "{\"id\":\"x\"}\n" + good);
  RowLog log(folder(), "{}");
  EXPECT_THAT(error_of([&] { lines_of(log); }, ErrorKind::kBadInput),
              HasSubstr("rows.jsonl: line 2"));
}

TEST_F(RowLogTest, RefusesRowsOfUnknownSettings) {
  std::filesystem::create_directories(folder());
  folder_.write("run/rows.jsonl", to_json(row(0)) + "\n");
  EXPECT_THAT(error_of([&] { RowLog log(folder(), "{}"); }, ErrorKind::kUsage),
              HasSubstr("no settings.json"));
  folder_.write("run/settings.json", "not JSON");
  error_of([&] { RowLog log(folder(), "{}"); }, ErrorKind::kBadInput);
}

TEST_F(RowLogTest, AFolderThatCannotBe) {
  const std::string file = folder_.write("file", "x");
  error_of([&] { RowLog log(file + "/run", "{}"); }, ErrorKind::kStorage);
}

}  // namespace
}  // namespace memagent
