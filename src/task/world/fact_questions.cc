#include "task/world/fact_questions.h"

#include <utility>

#include "base/random.h"
#include "task/world/questions.h"

namespace memagent::world {
namespace {

// `text`: the paragraph's, which begins at `byte_begin`.
Row fact_row(const World& world, const ParagraphPlan& plan, const std::string& text,
             std::int64_t byte_begin, const SentenceSpan& told, Fact fact, std::uint64_t key) {
  const Question question = fact_question(world, plan, fact, key);
  Row row;
  row.question = question.text;
  row.answers = question.answers;
  const Support& support = question.support.front();
  row.evidence.push_back({.text = text.substr(0, told.end),
                          .byte_begin = byte_begin,
                          .byte_end = byte_begin + static_cast<std::int64_t>(told.end),
                          .values = support.values,
                          .note = support.note});
  return row;
}

}  // namespace

std::vector<Row> fact_questions(const WorldDocument& document, std::int64_t most,
                                std::uint64_t key) {
  std::vector<Row> rows;
  const UnitDocument& units = *document.units;
  std::int64_t at = std::ssize(units.head);
  std::string text;
  std::vector<SentenceSpan> spans;
  const auto ask = [&](const ParagraphPlan& plan) {
    text.clear();
    spans.clear();
    append_paragraph(*document.world, plan, text, &spans);
    for (const SentenceSpan& span : spans) {
      for (const FactInfo& fact : facts_of(plan.subject.kind)) {
        if (!span.facts.has(fact.fact) || !is_askable(fact.fact)) continue;
        rows.push_back(fact_row(*document.world, plan, text, at, span, fact.fact,
                                derive(derive(key, 1), rows.size())));
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
