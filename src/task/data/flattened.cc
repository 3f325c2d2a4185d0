// Rows of paragraphs without their sentences, as copies of HotpotQA and MuSiQue often are, and task
// files of our own with a list of documents:
//   {"id", "question", "answers": [...], "documents": [{"title", "text"}, ...],
//    "supporting_facts": [[title, sentence number], ...] or
//    "decomposition": [{"question", "answer", "paragraph"}, ...]}
// Where sentences begin is lost, so a supporting paragraph is evidence as a whole. Without either
// field every paragraph counts as supporting.
#include <algorithm>

#include "task/data/raw_row.h"

namespace memagent::data {
namespace {

void add_fact(RawRow& row, std::size_t paragraph, std::vector<std::string> values,
              std::int32_t hop) {
  const bool known = values.empty() && std::ranges::any_of(row.facts, [&](const Fact& fact) {
                       return fact.paragraph == paragraph;
                     });
  if (known) return;
  row.facts.push_back(
      {paragraph, 0, row.paragraphs[paragraph].text.size(), std::move(values), hop});
}

void read_supporting(const JsonFields& item, RawRow& row) {
  constexpr const char* kFacts = "an array of [title, sentence number]";
  for (const json& fact : item.array("supporting_facts", kFacts)) {
    if (!fact.is_array() || fact.empty() || !fact[0].is_string()) {
      item.wrong("supporting_facts", kFacts);
    }
    const auto found = std::ranges::find(row.paragraphs, fact[0].get_ref<const std::string&>(),
                                         &TitledText::title);
    if (found == row.paragraphs.end()) {
      item.wrong("supporting_facts", "an array of titles that the documents have");
    }
    add_fact(row, static_cast<std::size_t>(found - row.paragraphs.begin()), {}, 0);
  }
}

void read_decomposition(const JsonFields& item, RawRow& row) {
  std::int32_t hop = 0;
  for (const json& step : item.array("decomposition", "an array of objects")) {
    const JsonFields fields(step, item.where() + ": decomposition");
    const std::int64_t paragraph = fields.count("paragraph");
    if (paragraph >= static_cast<std::int64_t>(row.paragraphs.size())) {
      fields.wrong("paragraph", "the place of one of the documents, from 0");
    }
    add_fact(row, static_cast<std::size_t>(paragraph), {fields.text("answer")}, hop++);
  }
}

}  // namespace

void read_flattened(const JsonFields& item, std::vector<RawRow>& rows) {
  RawRow row;
  row.id = item.text("id", "");
  row.task = item.text("task", "");
  row.question = item.text("question");
  row.answers = item.texts("answers");
  row.match = item.match("match", Match::kAny);
  for (const json& document : item.array("documents", "an array of objects")) {
    const JsonFields fields(document, item.where() + ": documents");
    row.paragraphs.push_back({fields.text("title"), fields.text("text")});
  }
  if (item.find("supporting_facts") != nullptr) {
    read_supporting(item, row);
  } else if (item.find("decomposition") != nullptr) {
    read_decomposition(item, row);
  }
  rows.push_back(std::move(row));
}

}  // namespace memagent::data
