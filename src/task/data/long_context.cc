// Rows that bring their own long document: RULER's, BABILong's, LongBench's and task files.
#include <algorithm>

#include "task/data/raw_row.h"
#include "task/row_json.h"

namespace memagent::data {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr const char* kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

// github.com/NVIDIA/RULER: {"index", "input", "outputs": [...], "length"}. The input is a whole
// prompt: its last line is the question where it asks something, else the prompt stays whole and
// the question points to it. RULER scores its question answering by any output, all else by all of
// them; the rows do not say which, but the prompt's opening does.
void read_ruler(const JsonFields& item, std::vector<RawRow>& rows) {
  RawRow row;
  if (item.find("index") != nullptr) row.id = fmt::format("{}", item.count("index"));
  const std::string& input = item.text("input");
  if (item.need("outputs").is_string()) {
    row.answers = {item.text("outputs")};
  } else {
    row.answers = item.texts("outputs");
  }
  const bool is_qa = input.find("Answer the question based on the given documents") <
                     std::min<std::size_t>(input.size(), 400);
  row.match = is_qa ? Match::kAny : Match::kAll;
  const std::string_view whole = trimmed(input);
  const std::size_t line = whole.rfind('\n');
  const std::string_view last = line == std::string_view::npos ? "" : trimmed(whole.substr(line));
  if (last.find('?') != std::string_view::npos || last.starts_with("Question:")) {
    row.question = last;
    row.context = std::string(trimmed(whole.substr(0, line)));
  } else {
    row.question = "Do what the text asks for.";
    row.context = input;
  }
  rows.push_back(std::move(row));
}

// github.com/booydar/babilong: {"input", "question", "target"}. "milk,apple" are two things that
// are carried, in any order; "n,w" is a way, in this order alone.
void read_babilong(const JsonFields& item, std::vector<RawRow>& rows) {
  RawRow row;
  row.question = item.text("question");
  const std::string& target = item.text("target");
  if (target.size() > 3 && target.find(',') != std::string::npos) {
    std::string_view rest = target;
    while (true) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (const std::string_view one = trimmed(rest.substr(0, comma)); !one.empty()) {
        row.answers.emplace_back(one);
      }
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
    row.match = Match::kAll;
  } else {
    row.answers = {target};
  }
  row.context = item.text("input");
  rows.push_back(std::move(row));
}

// github.com/THUDM/LongBench: {"input", "context", "answers": [...], "_id", ...}.
void read_longbench(const JsonFields& item, std::vector<RawRow>& rows) {
  RawRow row;
  row.id = item.text("_id", "");
  row.task = item.text("dataset", "");
  row.question = item.text("input");
  row.answers = item.texts("answers");
  row.context = item.text("context");
  rows.push_back(std::move(row));
}

// Our own (docs/tasks.md).
void read_task_file(const JsonFields& item, std::vector<RawRow>& rows) {
  RowLine line = read_row(item);
  RawRow row;
  row.id = std::move(line.row.id);
  row.task = std::move(line.row.task);
  row.question = std::move(line.row.question);
  row.answers = std::move(line.row.answers);
  row.match = line.row.match;
  row.rejected = std::move(line.row.rejected);
  row.evidence = std::move(line.row.evidence);
  for (const Evidence& fact : row.evidence) {
    const auto bytes = static_cast<std::size_t>(fact.byte_end - fact.byte_begin);
    const bool stands =
        fact.byte_begin < 0 ||
        (static_cast<std::size_t>(fact.byte_end) <= line.context.size() &&
         line.context.compare(static_cast<std::size_t>(fact.byte_begin), bytes, fact.text) == 0);
    if (!stands) item.wrong("evidence", "an array of texts that stand at their byte ranges");
  }
  row.context = std::move(line.context);
  rows.push_back(std::move(row));
}

}  // namespace memagent::data
