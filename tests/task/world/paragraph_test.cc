// Paragraphs read as they should: every fact in many forms and told once, nothing left unfilled,
// grammar where it depends on the values.
#include "task/world/paragraph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "base/random.h"
#include "task/world/filler.h"

namespace memagent::world {
namespace {

std::string paragraph(const World& world, const ParagraphPlan& plan,
                      std::vector<SentenceSpan>* spans = nullptr) {
  std::string text;
  append_paragraph(world, plan, text, spans);
  return text;
}

Entity entity(const World& world, int kind, std::uint64_t i) {
  return world.any(static_cast<Kind>(kind), Circle::kQuestion, derive(77, i));
}

TEST(Forms, ThereAreAtLeastSixOfEveryFact) {
  for (int kind = 0; kind < kNumSubjectKinds; ++kind) {
    const FormBook& book = form_book(static_cast<Kind>(kind));
    EXPECT_GE(book.openings.size(), 6U);
    EXPECT_GE(book.remarks.size(), 6U);
    for (const FactInfo& fact : facts_of(static_cast<Kind>(kind))) {
      EXPECT_GE(book.by_fact[static_cast<std::size_t>(fact.fact)].size(), 6U) << fact.key;
    }
    // One opening is possible whatever is withheld.
    EXPECT_TRUE(
        std::ranges::any_of(book.openings, [&](const Form& f) { return f.facts.empty(); }) ||
        kind == static_cast<int>(Kind::kPerson));
  }
}

TEST(Paragraphs, TellWhatTheyMustAndNothingTwice) {
  const World world(8, Split::kTest);
  for (std::uint64_t i = 0; i < 8000; ++i) {
    ParagraphPlan plan;
    plan.subject = entity(world, static_cast<int>(i % kNumSubjectKinds), i);
    plan.key = i;
    const auto facts = facts_of(plan.subject.kind);
    const Fact told = facts[i / kNumSubjectKinds % facts.size()].fact;
    const Fact withheld = facts[(i / kNumSubjectKinds + 1) % facts.size()].fact;
    if (!world.has(plan.subject, told)) continue;
    plan.told.add(told);
    plan.withheld.add(withheld);
    std::vector<SentenceSpan> spans;
    const std::string text = paragraph(world, plan, &spans);
    SCOPED_TRACE(text);
    EXPECT_TRUE(text.starts_with("# " + world.name(plan.subject) + "\n\n"));
    EXPECT_TRUE(text.ends_with(".\n\n"));
    EXPECT_GE(spans.size(), 3U);
    EXPECT_LE(spans.size(), 7U);
    FactSet seen;
    for (const SentenceSpan& span : spans) {
      EXPECT_FALSE(seen.meets(span.facts));
      seen.add(span.facts);
      if (span.facts.has(told)) {
        const std::string sentence = text.substr(span.begin, span.end - span.begin);
        const std::string value =
            value_text(world, world.value(plan.subject, told), date_style(plan.key));
        EXPECT_NE(sentence.find(value), std::string::npos) << sentence;
      }
    }
    EXPECT_TRUE(seen.has(told));
    EXPECT_FALSE(seen.has(withheld));
  }
}

TEST(Paragraphs, AreWellFormed) {
  const auto world = std::make_shared<const World>(8, Split::kTest);
  const auto units = filler(world, 1);
  const std::regex unfilled("[{}]|  | ,| \\.|\\.\\.");
  const std::regex wrong_article("\\b[Aa] (?=[aeioAEIO]\\w|8)|\\b[Aa]n (?=[^aeiouAEIOU8\\d])");
  const std::regex small_sentence("[.] [a-z]|\n[a-z]");
  for (std::int64_t i = 0; i < 5000; ++i) {
    std::string text;
    units->append(i, text);
    for (const std::regex* wrong : {&unfilled, &wrong_article, &small_sentence}) {
      std::smatch match;
      EXPECT_FALSE(std::regex_search(text, match, *wrong)) << match.str() << " in " << text;
    }
  }
}

TEST(Filler, NeverComesBackToAnEntityAndNeverMentionsWhatQuestionsAreAbout) {
  const auto world = std::make_shared<const World>(8, Split::kTest);
  const auto units = filler(world, 2);
  EXPECT_GT(units->size(), 3'000'000);
  std::set<std::string> headings;
  std::map<std::size_t, int> kinds;
  for (std::int64_t i = 0; i < 40000; ++i) {
    std::string text;
    units->append(i, text);
    EXPECT_TRUE(headings.insert(text.substr(0, text.find('\n'))).second) << text;
  }
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const Entity asked = entity(*world, static_cast<int>(i % kNumSubjectKinds), i);
    EXPECT_FALSE(headings.contains("# " + world->name(asked)));
  }
}

TEST(Filler, MayBeOfSomeKindsAlone) {
  const auto world = std::make_shared<const World>(8, Split::kTrain);
  const auto units = filler(world, 4, {Kind::kRiver, Kind::kTown, Kind::kRiver});
  std::map<Kind, int> kinds;
  std::set<std::uint64_t> seen[2];
  for (std::int64_t i = 0; i < 3000; ++i) {
    const Entity subject = units->plan(i).subject;
    ++kinds[subject.kind];
    EXPECT_TRUE(seen[subject.kind == Kind::kRiver].insert(subject.index).second) << i;
  }
  EXPECT_EQ(kinds, (std::map<Kind, int>{{Kind::kRiver, 2000}, {Kind::kTown, 1000}}));
}

// Sentences with names and numbers taken out: what is left is the form.
TEST(Filler, IsVaried) {
  const auto world = std::make_shared<const World>(8, Split::kTest);
  const auto units = filler(world, 3);
  const std::regex specific("\\b(?:[A-Z][\\w'-]*|[\\d,]+)\\b");
  std::map<std::string, int> shapes;
  int sentences = 0;
  for (std::int64_t i = 0; i < 10000; ++i) {
    std::string text;
    units->append(i, text);
    text = text.substr(text.find("\n\n") + 2);
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find(". ", begin)) != std::string::npos; begin = end + 2) {
      ++shapes[std::regex_replace(text.substr(begin, end - begin), specific, "_")];
      ++sentences;
    }
  }
  EXPECT_GT(shapes.size(), 2000U);
  int most = 0;
  for (const auto& [shape, count] : shapes) most = std::max(most, count);
  EXPECT_LT(most, sentences / 25);  // no shape dominates
  RecordProperty("shapes", static_cast<int>(shapes.size()));
}

}  // namespace
}  // namespace memagent::world
