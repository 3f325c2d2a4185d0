#include "task/world/fact_questions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "task/world/questions.h"

namespace memagent::world {
namespace {

// `text`: the paragraph's, which begins at `byte_begin`.
Row row_of(const Question& question, const std::string& text, std::int64_t byte_begin,
           const std::vector<SentenceSpan>& spans) {
  Row row;
  row.question = question.text;
  row.answers = question.answers;
  if (!question.given.empty()) {
    // Of no length, at the beginning: it has been read before anything.
    row.evidence.push_back(
        {.text = "", .byte_begin = 0, .byte_end = 0, .values = {}, .note = question.given});
  }
  for (const Support& support : question.support) {
    const auto told = std::ranges::find_if(
        spans, [&](const SentenceSpan& span) { return span.facts.has(support.fact); });
    MEMAGENT_CHECK(told != spans.end(), "{} is not told", support.note);
    row.evidence.push_back({.text = text.substr(0, told->end),
                            .byte_begin = byte_begin,
                            .byte_end = byte_begin + static_cast<std::int64_t>(told->end),
                            .values = support.values,
                            .note = support.note,
                            .hop = support.hop});
  }
  return row;
}

}  // namespace

std::vector<Row> fact_questions(const WorldDocument& document, std::int64_t most,
                                std::uint64_t key) {
  std::vector<Row> rows;
  const World& world = *document.world;
  const UnitDocument& units = *document.units;
  std::int64_t at = std::ssize(units.head);
  std::string text;
  std::vector<SentenceSpan> spans;
  const auto ask = [&](const ParagraphPlan& plan) {
    text.clear();
    spans.clear();
    append_paragraph(world, plan, text, &spans);
    FactSet told;
    for (const SentenceSpan& span : spans) told.add(span.facts);
    for (const FactInfo& fact : facts_of(plan.subject.kind)) {
      if (!told.has(fact.fact)) continue;
      const std::uint64_t fact_key = derive(derive(key, 1), rows.size());
      const auto add = [&](const Question& question) {
        rows.push_back(row_of(question, text, at, spans));
      };
      if (is_askable(fact.fact)) {
        add(fact_question(world, plan, told, fact.fact, fact_key));
        if (const auto second = second_hop_question(world, plan, fact.fact, derive(fact_key, 1))) {
          add(*second);
        }
      }
      if (fact.type != ValueType::kEntity) continue;
      const Entity next = world.value(plan.subject, fact.fact).entity;
      const bool is_there = std::ranges::any_of(
          document.inserts, [&](const ParagraphPlan& other) { return other.subject == next; });
      if (is_there) continue;
      if (const auto first = first_hop_question(world, plan, fact.fact, derive(fact_key, 2))) {
        add(*first);
      }
    }
    at += std::ssize(text);
  };
  std::size_t insert = 0;
  for (std::int64_t unit = 0; unit <= units.num_units; ++unit) {
    for (; insert < units.inserts.size() && units.inserts[insert].before_unit == unit; ++insert) {
      ask(document.inserts[units.origin[insert]]);
    }
    if (unit < units.num_units) ask(document.filler->plan(unit));
  }
  RandomStream draw(derive(key, 0));
  shuffle(rows, draw);
  if (std::ssize(rows) > most) rows.resize(static_cast<std::size_t>(most));
  return rows;
}

}  // namespace memagent::world
