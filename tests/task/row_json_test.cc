// Lines of task files: what is written is JSON for another parser and comes back the same; lines
// with faults are refused with the field's name.
#include "task/row_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "memagent/error.h"

namespace memagent {
namespace {

Row sample_row() {
  Row row;
  row.id = "t-1";
  row.task = "t";
  row.question = "Which \"number\"?\n";
  row.answers = {"12", "zw\xC3\xB6lf"};
  row.match = Match::kAll;
  row.tokens = 77;
  row.document_bytes = 300;
  Evidence fact;
  fact.text = "It is 12.";
  fact.byte_begin = 4;
  fact.byte_end = 13;
  fact.values = {"12"};
  fact.note = "12";
  fact.hop = 2;
  row.evidence = {fact, {}};
  return row;
}

std::string written(const Row& row, const std::string& document) {
  std::string line;
  write_row(row, *text_source(document), [&](std::string_view text) { line += text; });
  return line;
}

TEST(RowJson, ComesBackAsItWas) {
  std::string document =
      "tab\t quote\" backslash\\ return\r bell\x07 escape\x1B delete\x7F \xE2\x82\xAC\n";
  document += '\0';
  for (int i = 0; i < 12; ++i) document += document;  // longer than a block
  const Row row = sample_row();
  const std::string line = written(row, document);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.back(), '\n');

  const RowLine back = read_row(line, "x:1");
  EXPECT_EQ(back.context, document);
  EXPECT_EQ(back.row.id, row.id);
  EXPECT_EQ(back.row.task, row.task);
  EXPECT_EQ(back.row.question, row.question);
  EXPECT_EQ(back.row.answers, row.answers);
  EXPECT_EQ(back.row.match, row.match);
  EXPECT_EQ(back.row.tokens, row.tokens);
  EXPECT_EQ(back.row.document_bytes, row.document_bytes);
  ASSERT_EQ(back.row.evidence.size(), 2U);
  EXPECT_EQ(back.row.evidence[0].text, row.evidence[0].text);
  EXPECT_EQ(back.row.evidence[0].byte_begin, 4);
  EXPECT_EQ(back.row.evidence[0].byte_end, 13);
  EXPECT_EQ(back.row.evidence[0].values, row.evidence[0].values);
  EXPECT_EQ(back.row.evidence[0].note, row.evidence[0].note);
  EXPECT_EQ(back.row.evidence[0].hop, 2);
  EXPECT_EQ(back.row.evidence[1].byte_begin, -1);
}

TEST(RowJson, TheContextComesLast) {
  const std::string line = written(sample_row(), "abc");
  EXPECT_TRUE(line.ends_with(",\"context\":\"abc\"}\n")) << line;
  EXPECT_EQ(nlohmann::json::parse(line)["match"], "all");
}

TEST(RowJson, InvalidUtf8IsRepairedAcrossBlocks) {
  std::string document(65535, 'a');
  document += "\xE2\x82\xAC \xFF \xC3";
  const RowLine back = read_row(written(sample_row(), document), "x:1");
  EXPECT_EQ(back.context, std::string(65535, 'a') + "\xE2\x82\xAC \xEF\xBF\xBD \xEF\xBF\xBD");
}

TEST(RowJson, FieldsThatMayBeMissing) {
  const RowLine line =
      read_row(R"({"question": "q", "answers": ["a"], "context": "c", "more": 1})", "");
  EXPECT_EQ(line.row.match, Match::kAny);
  EXPECT_EQ(line.row.tokens, 0);
  EXPECT_EQ(line.row.document_bytes, -1);
  EXPECT_TRUE(line.row.evidence.empty());
}

TEST(RowJson, FaultsNameTheField) {
  struct Case {
    const char* line;
    const char* message;
  };
  for (
      const Case& fault : {
          Case{"", "f:3: is not JSON"},
          Case{"[1]", "f:3: must be a JSON object"},
          Case{R"({"answers": ["a"], "context": "c"})", "field question is missing"},
          Case{R"({"question": 1, "answers": ["a"], "context": "c"})",
               "field question must be a string"},
          Case{R"({"question": "q", "context": "c"})", "field answers is missing"},
          Case{R"({"question": "q", "answers": "a", "context": "c"})",
               "field answers must be an array"},
          Case{R"({"question": "q", "answers": [], "context": "c"})", "at least one"},
          Case{R"({"question": "q", "answers": [1], "context": "c"})",
               "field answers must be an array"},
          Case{R"({"question": "q", "answers": ["a"]})", "field context is missing"},
          Case{R"({"question": "q", "answers": ["a"], "context": "c", "match": "some"})",
               "any or all"},
          Case{R"({"question": "q", "answers": ["a"], "context": "c", "tokens": -1})",
               "field tokens"},
          Case{R"({"question": "q", "answers": ["a"], "context": "c", "tokens": 1.5})",
               "field tokens"},
          Case{
              R"({"question": "q", "answers": ["a"], "context": "c", "tokens": 18446744073709551615})",
              "field tokens"},
          Case{R"({"question": "q", "answers": ["a"], "context": "c", "evidence": {}})",
               "field evidence"},
          Case{R"({"question": "q", "answers": ["a"], "context": "c", "evidence": [{}]})",
               "evidence: field text is missing"},
          Case{R"({"question": "q", "answers": ["a"], "context": "c",
                    "evidence": [{"text": "t", "byte_begin": 5, "byte_end": 4}]})",
               "field byte_end"},
          Case{R"({"question": [[[[[[[[[[]]]]]]]]]], "answers": ["a"], "context": "c"})",
               "nested too deeply"},
      }) {
    try {
      (void)read_row(fault.line, "f:3");
      ADD_FAILURE() << "accepted: " << fault.line;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_THAT(error.what(), testing::StartsWith("f:3"));
      EXPECT_THAT(error.what(), testing::HasSubstr(fault.message));
    }
  }
}

}  // namespace
}  // namespace memagent
