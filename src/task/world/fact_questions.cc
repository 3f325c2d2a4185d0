#include "task/world/fact_questions.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "task/world/comparisons.h"
#include "task/world/questions.h"

namespace memagent::world {
namespace {

// A paragraph of the document, as it stands there.
struct ToldParagraph {
  ParagraphPlan plan;
  std::int64_t byte_begin = 0;
  std::string text;
  std::vector<SentenceSpan> spans;
  FactSet facts;
};

std::vector<ToldParagraph> told_paragraphs(const WorldDocument& document) {
  std::vector<ToldParagraph> all;
  const UnitDocument& units = *document.units;
  std::int64_t at = std::ssize(units.head);
  const auto tell = [&](const ParagraphPlan& plan) {
    ToldParagraph& told = all.emplace_back(ToldParagraph{plan, at, "", {}, {}});
    append_paragraph(*document.world, plan, told.text, &told.spans);
    for (const SentenceSpan& span : told.spans) told.facts.add(span.facts);
    at += std::ssize(told.text);
  };
  std::size_t insert = 0;
  for (std::int64_t unit = 0; unit <= units.num_units; ++unit) {
    for (; insert < units.inserts.size() && units.inserts[insert].before_unit == unit; ++insert) {
      tell(document.inserts[units.origin[insert]]);
    }
    if (unit < units.num_units) tell(document.filler->plan(unit));
  }
  return all;
}

// `paragraphs`: those of the question, in its order.
Row row_of(const Question& question, std::initializer_list<const ToldParagraph*> paragraphs) {
  Row row;
  row.question = question.text;
  row.answers = question.answers;
  row.rejected = question.rejected;
  if (!question.given.empty()) {
    // Of no length, at the beginning: it has been read before anything.
    row.evidence.push_back(
        {.text = "", .byte_begin = 0, .byte_end = 0, .values = {}, .note = question.given});
  }
  for (const Support& support : question.support) {
    const ToldParagraph& paragraph = **(paragraphs.begin() + support.paragraph);
    const auto told = std::ranges::find_if(
        paragraph.spans, [&](const SentenceSpan& span) { return span.facts.has(support.fact); });
    MEMAGENT_CHECK(told != paragraph.spans.end(), "{} is not told", support.note);
    row.evidence.push_back({.text = paragraph.text.substr(0, told->end),
                            .byte_begin = paragraph.byte_begin,
                            .byte_end = paragraph.byte_begin + static_cast<std::int64_t>(told->end),
                            .values = support.values,
                            .note = support.note,
                            .hop = support.hop});
  }
  return row;
}

// What one paragraph is asked.
void ask(const WorldDocument& document, const ToldParagraph& paragraph, std::uint64_t key,
         std::vector<Row>& rows) {
  const World& world = *document.world;
  for (const FactInfo& fact : facts_of(paragraph.plan.subject.kind)) {
    if (!paragraph.facts.has(fact.fact)) continue;
    const std::uint64_t fact_key = derive(key, rows.size());
    const auto add = [&](const Question& question) {
      rows.push_back(row_of(question, {&paragraph}));
    };
    if (is_askable(fact.fact)) {
      add(fact_question(world, paragraph.plan, paragraph.facts, fact.fact, fact_key));
      if (const auto second =
              second_hop_question(world, paragraph.plan, fact.fact, derive(fact_key, 1))) {
        add(*second);
      }
    }
    if (fact.type != ValueType::kEntity) continue;
    const Entity next = world.value(paragraph.plan.subject, fact.fact).entity;
    const bool is_there = std::ranges::any_of(
        document.inserts, [&](const ParagraphPlan& other) { return other.subject == next; });
    if (is_there) continue;
    if (const auto first =
            first_hop_question(world, paragraph.plan, fact.fact, derive(fact_key, 2))) {
      add(*first);
    }
  }
}

// Each paragraph compared with some that come later.
void compare(const World& world, const std::vector<ToldParagraph>& paragraphs, std::uint64_t key,
             std::vector<Row>& rows) {
  constexpr int kMost = 3;
  for (auto one = paragraphs.begin(); one != paragraphs.end(); ++one) {
    RandomStream random(derive(key, static_cast<std::uint64_t>(one - paragraphs.begin())));
    std::vector<const ToldParagraph*> others;
    for (auto other = one + 1; other != paragraphs.end(); ++other) others.push_back(&*other);
    shuffle(others, random);
    int compared = 0;
    for (const ToldParagraph* other : others) {
      FactSet both = one->facts;
      both.keep(other->facts);
      const auto question = comparison_between(world, one->plan, other->plan, both, random.next());
      if (!question) continue;
      const bool in_order = question->paragraphs[0].subject == one->plan.subject;
      rows.push_back(in_order ? row_of(*question, {&*one, other})
                              : row_of(*question, {other, &*one}));
      if (++compared == kMost) break;
    }
  }
}

}  // namespace

std::vector<Row> fact_questions(const WorldDocument& document, std::int64_t most,
                                std::uint64_t key) {
  const std::vector<ToldParagraph> paragraphs = told_paragraphs(document);
  std::vector<Row> rows;
  for (const ToldParagraph& paragraph : paragraphs) {
    ask(document, paragraph, derive(key, 1), rows);
  }
  compare(*document.world, paragraphs, derive(key, 2), rows);
  RandomStream draw(derive(key, 0));
  shuffle(rows, draw);
  if (std::ssize(rows) > most) rows.resize(static_cast<std::size_t>(most));
  return rows;
}

}  // namespace memagent::world
