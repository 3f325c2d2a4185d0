// Text that is no prose: well-formed whatever it is made of, drawn the same in any order, and of
// every kind.
#include "task/clutter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "task/read_all.h"
#include "task/registry.h"
#include "text/utf8.h"

namespace memagent {
namespace {

std::string lines_of(std::uint64_t key, std::int64_t count) {
  std::string text;
  clutter(key)->append_run(0, count, text);
  return text;
}

TEST(Clutter, UnitsAreDrawnTheSameInAnyOrder) {
  const auto units = clutter(7);
  std::string backwards;
  for (std::int64_t i = 39; i >= 0; --i) {
    std::string unit;
    units->append(i, unit);
    backwards.insert(0, unit);
  }
  EXPECT_EQ(backwards, lines_of(7, 40));
  EXPECT_NE(backwards, lines_of(8, 40));
}

TEST(Clutter, IsWellFormedAndOfEveryKind) {
  std::string all;
  std::set<std::string> rows;
  for (std::uint64_t key = 0; key < 200; ++key) {
    const std::string text = lines_of(key, 50);
    EXPECT_TRUE(text.back() == '\n' || text.back() == ' ') << text;
    EXPECT_GT(text.size(), 50U * 4);
    EXPECT_LT(text.size(), 50U * 300);
    rows.insert(text);
    all += text;
  }
  EXPECT_EQ(rows.size(), 200U);
  std::string repaired;
  Utf8Repair repair;
  repair.feed(all, repaired);
  repair.finish(repaired);
  EXPECT_EQ(repair.repaired(), 0);
  // A row of a table, an item, lines of programs, a log, a record, a heading, letters of others.
  for (const char* part :
       {" | ", "\n- ", "#include <", "if (", " INFO ", "\": ", "\n## ", "\xD0"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(all.find(" entered for "), std::string::npos) << "is a needle";
}

// What is asked for stands in it as in prose, and is recorded.
TEST(Clutter, IsAHaystackOfTasksThatUseProse) {
  for (const char* name : {"niah_multiquery", "niah_single_3", "relay", "reworded"}) {
    const auto task = find_tasks({name}, {.haystack_file = "", .clutter = true}).at(0);
    const auto prose = find_tasks({name}, {}).at(0);
    const SampleSpec spec{.tokens = 4000, .seed = 3, .split = Split::kTrain, .index = 2};
    const auto sample = task->sample(spec, estimating_tokenizer());
    const std::string text = test::read_all(*sample->document());
    EXPECT_TRUE(text != test::read_all(*prose->sample(spec, estimating_tokenizer())->document()));
    EXPECT_EQ(sample->row().question, prose->sample(spec, estimating_tokenizer())->row().question);
    for (const Evidence& fact : sample->row().evidence) {
      EXPECT_EQ(text.substr(static_cast<std::size_t>(fact.byte_begin),
                            static_cast<std::size_t>(fact.byte_end - fact.byte_begin)),
                fact.text);
    }
  }
}

}  // namespace
}  // namespace memagent
