// Which format a file has: told by the fields of its first item.
#include <algorithm>

#include "task/data/raw_row.h"
#include "text/utf8.h"

namespace memagent::data {

bool has_fields(const json& item, std::initializer_list<const char*> names) {
  return item.is_object() &&
         std::ranges::all_of(names, [&](const char* name) { return item.contains(name); });
}

std::optional<std::size_t> bytes_of_points(std::string_view text, std::int64_t points) {
  std::size_t bytes = 0;
  for (; points > 0; --points) {
    if (bytes == text.size()) return std::nullopt;
    bytes += decode_utf8(text.substr(bytes)).bytes;
  }
  return bytes;
}

const std::vector<Format>& formats() {
  static const std::vector<Format> all = {
      {"squad", "questions about one paragraph (SQuAD)",
       [](const json& item) {
         return has_fields(item, {"paragraphs"}) && !item.contains("question");
       },
       read_squad},
      {"2wikimultihopqa", "two to four paragraphs to combine (2WikiMultiHopQA)",
       [](const json& item) {
         return has_fields(item, {"question", "context", "supporting_facts", "evidences"});
       },
       read_hotpotqa},
      {"hotpotqa", "two paragraphs to combine (HotpotQA)",
       [](const json& item) {
         return has_fields(item, {"question", "context"}) && item["context"].is_array();
       },
       read_hotpotqa},
      {"musique", "chains over two to four paragraphs (MuSiQue)",
       [](const json& item) {
         return has_fields(item, {"question", "paragraphs"});
       },
       read_musique},
      {"ruler", "rows written by RULER",
       [](const json& item) {
         return has_fields(item, {"input", "outputs"});
       },
       read_ruler},
      {"babilong", "facts hidden in books (BABILong)",
       [](const json& item) {
         return has_fields(item, {"input", "question", "target"});
       },
       read_babilong},
      {"longbench", "questions over long documents (LongBench)",
       [](const json& item) {
         return has_fields(item, {"input", "context", "answers"});
       },
       read_longbench},
      {"paragraphs", "questions with a list of paragraphs",
       [](const json& item) {
         return has_fields(item, {"question", "answers", "documents"});
       },
       read_flattened},
      {"task", "a task file",
       [](const json& item) {
         return has_fields(item, {"question", "answers", "context"});
       },
       read_task_file},
  };
  return all;
}

}  // namespace memagent::data
