#include "task/world/fact_questions.h"

#include <utility>

#include "base/random.h"
#include "task/world/questions.h"

namespace memagent::world {
namespace {

struct ToldParagraph {
  ParagraphPlan plan;
  std::int64_t byte_begin = 0;
};

// Every paragraph with where it stands.
std::vector<ToldParagraph> paragraphs_of(const WorldDocument& document) {
  const UnitDocument& units = *document.units;
  std::vector<ToldParagraph> paragraphs;
  std::int64_t at = std::ssize(units.head);
  std::size_t insert = 0;
  std::string text;
  for (std::int64_t unit = 0; unit <= units.num_units; ++unit) {
    for (; insert < units.inserts.size() && units.inserts[insert].before_unit == unit; ++insert) {
      paragraphs.push_back({document.inserts[units.origin[insert]], at});
      at += std::ssize(units.inserts[insert].text);
    }
    if (unit == units.num_units) break;
    paragraphs.push_back({document.filler->plan(unit), at});
    text.clear();
    document.filler->append(unit, text);
    at += std::ssize(text);
  }
  return paragraphs;
}

Row fact_row(const World& world, const ToldParagraph& paragraph, const std::string& text,
             const SentenceSpan& told, Fact fact, std::uint64_t key) {
  const Question question = fact_question(world, paragraph.plan, fact, key);
  Row row;
  row.question = question.text;
  row.answers = question.answers;
  const Support& support = question.support.front();
  row.evidence.push_back({.text = text.substr(0, told.end),
                          .byte_begin = paragraph.byte_begin,
                          .byte_end = paragraph.byte_begin + static_cast<std::int64_t>(told.end),
                          .values = support.values,
                          .note = support.note});
  return row;
}

}  // namespace

std::vector<Row> fact_questions(const WorldDocument& document, std::int64_t most,
                                std::uint64_t key) {
  std::vector<Row> rows;
  for (const ToldParagraph& paragraph : paragraphs_of(document)) {
    std::string text;
    std::vector<SentenceSpan> spans;
    append_paragraph(*document.world, paragraph.plan, text, &spans);
    for (const SentenceSpan& span : spans) {
      for (const FactInfo& fact : facts_of(paragraph.plan.subject.kind)) {
        if (!span.facts.has(fact.fact) || !is_askable(fact.fact)) continue;
        rows.push_back(fact_row(*document.world, paragraph, text, span, fact.fact,
                                derive(derive(key, 1), rows.size())));
      }
    }
  }
  RandomStream draw(derive(key, 0));
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[draw.below(i)]);
  if (std::ssize(rows) > most) rows.resize(static_cast<std::size_t>(most));
  return rows;
}

}  // namespace memagent::world
