// Needles in other words: nothing is lost in the saying, and the splits share no words.
#include "task/needle_wording.h"

#include <gtest/gtest.h>

#include <set>

#include "task/read_all.h"
#include "task/registry.h"

namespace memagent {
namespace {

// Everything that is said of one key and value, in 1000 draws.
std::set<std::string> said(Split split, bool question) {
  std::set<std::string> forms;
  RandomStream draw(5);
  for (int i = 0; i < 1000; ++i) {
    forms.insert(question ? worded_question(draw, split, "number", "calm-river")
                          : worded_needle(draw, split, "number", "calm-river", "2046177"));
  }
  return forms;
}

TEST(NeedleWording, EveryNeedleHasItsKeyAndItsValueAndEveryQuestionItsKey) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    EXPECT_GT(said(split, false).size(), 5U);
    for (const std::string& needle : said(split, false)) {
      EXPECT_NE(needle.find("calm-river"), std::string::npos) << needle;
      EXPECT_NE(needle.find("2046177"), std::string::npos) << needle;
      EXPECT_EQ(needle.back(), '.') << needle;
      EXPECT_EQ(needle.find_first_of("{}[]|"), std::string::npos) << needle;
    }
    EXPECT_GT(said(split, true).size(), 3U);
    for (const std::string& question : said(split, true)) {
      EXPECT_NE(question.find("calm-river"), std::string::npos) << question;
      EXPECT_EQ(question.find("2046177"), std::string::npos) << question;
    }
  }
}

// A reader learns from many wordings, and is tested with others.
TEST(NeedleWording, TrainingHasManyAndTheTestFew) {
  EXPECT_GT(said(Split::kTrain, false).size(), 400U);
  EXPECT_GT(said(Split::kTrain, true).size(), 100U);
  EXPECT_EQ(said(Split::kTest, false).size(), 7U);
  EXPECT_EQ(said(Split::kTest, true).size(), 4U);
}

TEST(NeedleWording, SplitsShareNoWording) {
  for (const bool question : {false, true}) {
    const std::set<std::string> train = said(Split::kTrain, question);
    for (const std::string& form : said(Split::kTest, question)) {
      EXPECT_FALSE(train.contains(form)) << form;
    }
  }
}

TEST(Reworded, EvidenceStandsInTheTextAndSiblingsAskForTheOtherNeedles) {
  const auto task = find_tasks({"reworded"}, {}).front();
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const auto sample =
        task->sample({.tokens = 2000, .seed = 3, .split = split}, estimating_tokenizer());
    const std::string text = test::read_all(*sample->document());
    const auto siblings = sample->siblings(8, 1);
    ASSERT_EQ(siblings.size(), 3U);
    std::set<std::string> asked;
    const auto check = [&](const Row& row) {
      ASSERT_EQ(row.evidence.size(), 1U);
      EXPECT_NE(text.find(row.evidence[0].text), std::string::npos) << row.evidence[0].text;
      EXPECT_NE(row.evidence[0].text.find(row.answers.at(0)), std::string::npos);
      const std::string key = row.evidence[0].note.substr(0, row.evidence[0].note.find(':'));
      EXPECT_NE(row.question.find(key), std::string::npos) << row.question;
      asked.insert(key);
    };
    check(sample->row());
    for (const auto& sibling : siblings) check(sibling->row());
    EXPECT_EQ(asked.size(), 4U);
  }
}

}  // namespace
}  // namespace memagent
