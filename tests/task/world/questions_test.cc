// Questions of the world are worded in many ways, what has no answer is not told, and where their
// paragraphs stand runs through every order.
#include "task/world/questions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "task/world/comparisons.h"
#include "task/world/layout.h"
#include "task/world/paragraph.h"

namespace memagent {
namespace {

TEST(Wordings, AreMany) {
  // Names and numbers out, what is left is the wording.
  const std::regex specific("( [A-Z][\\w'-]*| (of|at|by|in|on|the|for|from|to|and)(?= [A-Z]))+");
  const world::World world(4, Split::kTrain);
  std::set<std::string> single;
  std::set<std::string> bridges;
  std::set<std::string> comparisons;
  std::set<std::string> texts;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const auto wording = [&](const world::Question& question) {
      texts.insert(question.text);
      return std::regex_replace(question.text, specific, " _");
    };
    single.insert(wording(world::single_question(world, i)));
    bridges.insert(wording(world::bridge_question(world, i, 2)));
    comparisons.insert(
        wording(world::comparison_question(world, i, {.hops = 1, .yes_no = i % 2 == 0})));
  }
  EXPECT_GT(texts.size(), 29900U);
  EXPECT_GT(single.size(), 300U);
  EXPECT_GT(bridges.size(), 4000U);
  EXPECT_GT(comparisons.size(), 120U);
  RecordProperty("single", static_cast<int>(single.size()));
  RecordProperty("bridges", static_cast<int>(bridges.size()));
  RecordProperty("comparisons", static_cast<int>(comparisons.size()));
}

// The same question with its answer and without: the value that is the answer of the one stands in
// no supporting paragraph of the other.
TEST(Unanswerable, WithholdsTheAnswerOfItsTwin) {
  const world::World world(2, Split::kTest);
  int compared = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const auto answered = unanswerable_question(world, i, world::Answerable::kYes);
    const std::string& answer = answered.answers[0];
    // Years, genres and colours stand in many places by chance; names and dates do not.
    if (answer.size() < 8 || (answer[0] >= 'a' && answer[0] <= 'z')) continue;
    ++compared;
    for (const auto how : {world::Answerable::kFactWithheld, world::Answerable::kEntityMissing}) {
      const auto question = unanswerable_question(world, i, how);
      EXPECT_EQ(question.text, answered.text);
      EXPECT_EQ(question.answers, world::no_answer_spellings());
      EXPECT_EQ(question.paragraphs.size() + (how == world::Answerable::kEntityMissing ? 1 : 0),
                answered.paragraphs.size());
      std::string text;
      for (const auto& plan : question.paragraphs) world::append_paragraph(world, plan, text);
      for (const auto& plan : question.near_duplicates) {
        EXPECT_EQ(plan.subject.circle, world::Circle::kNearDuplicate);
      }
      EXPECT_EQ(text.find(answer), std::string::npos) << question.text << text;
    }
  }
  EXPECT_GT(compared, 800);
}

TEST(Splits, ShareNoNameThatQuestionsAreAbout) {
  const world::World train(1, Split::kTrain);
  const world::World test(1, Split::kTest);
  std::set<std::string> trained;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    for (const auto& plan : world::bridge_question(train, i, 3).paragraphs) {
      trained.insert(train.name(plan.subject));
    }
  }
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const world::Question question = world::bridge_question(test, i, 3);
    for (const auto& plan : question.paragraphs) {
      EXPECT_FALSE(trained.contains(test.name(plan.subject)));
    }
  }
}

TEST(Layout, RunsThroughEveryOrderAtEveryDepthFarApart) {
  for (const std::size_t paragraphs : {1U, 2U, 3U, 4U}) {
    std::map<std::vector<std::size_t>, int> orders;
    std::vector<int> tenths(10);
    const std::int64_t rows = world::num_orders(paragraphs) * 100;
    for (std::int64_t index = 0; index < rows; ++index) {
      const auto depths = world::supporting_depths(index, paragraphs, 7);
      std::vector<double> sorted = depths;
      std::ranges::sort(sorted);
      for (std::size_t i = 1; i < sorted.size(); ++i) {
        EXPECT_GE(sorted[i] - sorted[i - 1], 0.2 / static_cast<double>(paragraphs) - 1e-9);
      }
      std::vector<std::size_t> order;
      for (const double depth : depths) {
        order.push_back(
            static_cast<std::size_t>(std::ranges::find(sorted, depth) - sorted.begin()));
        ++tenths[static_cast<std::size_t>(depth * 10)];
      }
      ++orders[order];
    }
    EXPECT_EQ(std::ssize(orders), world::num_orders(paragraphs));
    for (const auto& [order, times] : orders) EXPECT_EQ(times, 100);
    for (const int times : tenths) EXPECT_GT(times, 0);
  }
}

}  // namespace
}  // namespace memagent
