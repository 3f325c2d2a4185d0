// A row: one question over one document, with what counts as a right answer.
//
// This is what a task file holds, one JSON object a line (docs/tasks.md), apart from the document's
// text, which may be too long to hold at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

// Which of the accepted answers a response has to give.
enum class Match {
  kAny,  // one of them: questions with one answer in several spellings
  kAll,  // the share of them that is given is the score: recall tasks
};
const char* to_string(Match match);                       // "any", "all"
std::optional<Match> match_named(std::string_view name);  // nothing for other names

// A fact that the answer rests on, as it stands in the document.
struct Evidence {
  std::string text;              // the sentence, byte for byte
  std::int64_t byte_begin = -1;  // in the document; -1: not known
  std::int64_t byte_end = -1;
  // What a memory must hold for the fact to count as noted (a number, a name): each of them,
  // compared as the verifier compares answers.
  std::vector<std::string> values;
  std::string note;      // what an ideal memory keeps of it: one line
  std::int32_t hop = 0;  // 0-based place in the chain of reasoning; equal where order is immaterial
};

struct Row {
  std::string id;    // unique within a file or a generated set
  std::string task;  // "niah_single_1"
  std::string question;
  std::vector<std::string> answers;  // at least one
  Match match = Match::kAny;
  // What a right answer does not name besides: the other side of a comparison. May be empty.
  std::vector<std::string> rejected;
  std::int64_t tokens = 0;          // of the document, under the tokenizer it was made with
  std::int64_t document_bytes = 0;  // -1: not known
  std::vector<Evidence> evidence;   // empty: not recorded
};

}  // namespace memagent
