// HotpotQA (hotpotqa.github.io, distractor setting) and 2WikiMultiHopQA, which took its form over:
//   {"_id", "question", "answer", "context": [[title, [sentence, ...]], ...],
//    "supporting_facts": [[title, sentence number], ...]}
// The sentences of a paragraph are joined as they stand: in HotpotQA each but the first begins with
// its own space, in 2WikiMultiHopQA none does and one is put between.
#include <algorithm>

#include "task/data/raw_row.h"

namespace memagent::data {
namespace {

constexpr const char* kContext = "an array of [title, [sentence, ...]]";
constexpr const char* kFacts = "an array of [title, sentence number]";

struct Span {
  std::size_t begin;
  std::size_t end;
};

std::vector<Span> append_sentences(const JsonFields& item, const json& sentences,
                                   std::string& text) {
  std::vector<Span> spans;
  for (const json& sentence : sentences) {
    if (!sentence.is_string()) item.wrong("context", kContext);
    const auto& words = sentence.get_ref<const std::string&>();
    if (!text.empty() && !text.ends_with(' ') && !words.empty() && words[0] != ' ') text += ' ';
    const std::size_t begin =
        text.size() +
        (words.find_first_not_of(' ') == std::string::npos ? 0 : words.find_first_not_of(' '));
    text += words;
    spans.push_back({begin, text.size()});
  }
  return spans;
}

}  // namespace

void read_hotpotqa(const JsonFields& item, std::vector<RawRow>& rows) {
  RawRow row;
  row.id = item.text(item.find("_id") != nullptr ? "_id" : "id");
  row.question = item.text("question");
  row.answers = {item.text("answer")};
  std::vector<std::vector<Span>> sentences;
  for (const json& paragraph : item.array("context", kContext)) {
    if (!paragraph.is_array() || paragraph.size() != 2 || !paragraph[0].is_string() ||
        !paragraph[1].is_array()) {
      item.wrong("context", kContext);
    }
    row.paragraphs.push_back({paragraph[0].get<std::string>(), ""});
    sentences.push_back(append_sentences(item, paragraph[1], row.paragraphs.back().text));
  }
  for (const json& fact : item.array("supporting_facts", kFacts)) {
    if (!fact.is_array() || fact.size() != 2 || !fact[0].is_string() ||
        !fact[1].is_number_integer()) {
      item.wrong("supporting_facts", kFacts);
    }
    const auto found = std::ranges::find(row.paragraphs, fact[0].get_ref<const std::string&>(),
                                         &TitledText::title);
    if (found == row.paragraphs.end()) {
      item.wrong("supporting_facts", "an array of titles that the context has");
    }
    const auto paragraph = static_cast<std::size_t>(found - row.paragraphs.begin());
    const auto sentence = fact[1].get<std::int64_t>();
    // Some published rows count past the last sentence: then the paragraph as a whole supports.
    Span span{0, found->text.size()};
    if (sentence >= 0 && sentence < static_cast<std::int64_t>(sentences[paragraph].size())) {
      span = sentences[paragraph][static_cast<std::size_t>(sentence)];
    }
    row.facts.push_back({paragraph, span.begin, span.end, {}, 0});
  }
  rows.push_back(std::move(row));
}

}  // namespace memagent::data
