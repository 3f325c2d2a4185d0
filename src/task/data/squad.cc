// SQuAD 1.1 and 2.0 (rajpurkar.github.io/SQuAD-explorer). The items are the articles of "data":
//   {"title", "paragraphs": [{"context", "qas": [{"id", "question", "is_impossible",
//                             "answers": [{"text", "answer_start"}, ...]}, ...]}, ...]}
// answer_start counts characters, not bytes. The evidence is the sentence around the first answer.
#include <algorithm>

#include "task/data/raw_row.h"

namespace memagent::data {
namespace {

// From after the sentence end before `begin` to the sentence end from `end` on.
Fact sentence_around(const std::string& text, std::size_t begin, std::size_t end) {
  std::size_t from = begin == 0 ? std::string::npos : text.rfind(". ", begin - 1);
  from = from == std::string::npos ? 0 : from + 2;
  // An answer may end with its own full stop.
  const std::size_t stop = text.find(". ", end == 0 ? 0 : end - 1);
  return {0,
          std::min(from, begin),
          stop == std::string::npos ? text.size() : std::max(stop + 1, end),
          {},
          0};
}

RawRow read_question(const JsonFields& fields, const std::string& title,
                     const std::string& context) {
  RawRow row;
  row.id = fields.text("id");
  row.question = fields.text("question");
  row.paragraphs = {{title, context}};
  row.unanswerable = fields.flag("is_impossible");
  if (row.unanswerable) return row;
  for (const json& answer : fields.array("answers", "an array of objects")) {
    const JsonFields parts(answer, fields.where() + ": answers");
    const std::string& text = parts.text("text");
    const auto start = bytes_of_points(context, parts.count("answer_start"));
    const bool stands = start && context.compare(*start, text.size(), text) == 0;
    if (stands && row.facts.empty()) {
      row.facts.push_back(sentence_around(context, *start, *start + text.size()));
      row.facts.back().values = {text};
    }
    if (std::ranges::find(row.answers, text) == row.answers.end()) row.answers.push_back(text);
  }
  return row;
}

}  // namespace

void read_squad(const JsonFields& item, std::vector<RawRow>& rows) {
  const std::string& title = item.text("title");
  for (const json& paragraph : item.array("paragraphs", "an array of objects")) {
    const JsonFields fields(paragraph, item.where() + ": paragraphs");
    const std::string& context = fields.text("context");
    for (const json& question : fields.array("qas", "an array of objects")) {
      rows.push_back(read_question(JsonFields(question, item.where() + ": qas"), title, context));
    }
  }
}

}  // namespace memagent::data
