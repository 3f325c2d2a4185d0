// MuSiQue (github.com/StonyBrookNLP/musique), JSON lines:
//   {"id", "question", "answer", "answer_aliases": [...], "answerable",
//    "paragraphs": [{"idx", "title", "paragraph_text", "is_supporting"}, ...],
//    "question_decomposition": [{"question", "answer", "paragraph_support_idx"}, ...]}
// A step of the decomposition is a hop; its answer is what a memory must hold of the paragraph.
#include <algorithm>
#include <map>

#include "task/data/raw_row.h"

namespace memagent::data {

void read_musique(const JsonFields& item, std::vector<RawRow>& rows) {
  RawRow row;
  row.id = item.text("id");
  row.question = item.text("question");
  if (item.find("answerable") != nullptr) row.unanswerable = !item.flag("answerable");
  if (!row.unanswerable) {
    row.answers = {item.text("answer")};
    if (item.find("answer_aliases") != nullptr) {
      for (std::string& alias : item.texts("answer_aliases")) {
        row.answers.push_back(std::move(alias));
      }
    }
  }
  std::map<std::int64_t, std::size_t> place_of;  // by idx
  std::vector<std::size_t> supporting;
  for (const json& paragraph : item.array("paragraphs", "an array of objects")) {
    const JsonFields fields(paragraph, item.where() + ": paragraphs");
    const std::size_t place = row.paragraphs.size();
    if (!place_of.emplace(fields.count("idx"), place).second) {
      fields.wrong("idx", "different for each paragraph");
    }
    if (fields.flag("is_supporting")) supporting.push_back(place);
    row.paragraphs.push_back({fields.text("title"), fields.text("paragraph_text")});
  }
  if (item.find("question_decomposition") != nullptr) {
    std::int32_t hop = 0;
    for (const json& step : item.array("question_decomposition", "an array of objects")) {
      const JsonFields fields(step, item.where() + ": question_decomposition");
      const std::int32_t this_hop = hop++;
      if (fields.find("paragraph_support_idx") == nullptr) continue;  // of an unanswerable row
      const auto found = place_of.find(fields.count("paragraph_support_idx"));
      if (found == place_of.end()) {
        fields.wrong("paragraph_support_idx", "the idx of one of the paragraphs");
      }
      const std::size_t end = row.paragraphs[found->second].text.size();
      row.facts.push_back({found->second, 0, end, {fields.text("answer")}, this_hop});
    }
  }
  for (const std::size_t place : supporting) {
    if (std::ranges::find(row.facts, place, &Fact::paragraph) != row.facts.end()) continue;
    row.facts.push_back({place, 0, row.paragraphs[place].text.size(), {}, 0});
  }
  rows.push_back(std::move(row));
}

}  // namespace memagent::data
