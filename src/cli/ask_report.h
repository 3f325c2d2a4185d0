// What `ask` prints when it is done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "memagent/episode.h"

namespace memagent {

struct AskReport {
  std::vector<std::string> questions;
  std::vector<EpisodeState> states;  // one per question
  std::string document;
  std::string model;
  std::string session;         // empty: none
  std::string settings_json;   // resolved
  std::int32_t lookahead = 0;  // 0: nothing was read in this run
  double seconds = 0;          // of this run
  std::int64_t repaired_sequences = 0;
  std::int64_t tokens_this_run = 0;  // of the document
};

// One object; with one question `answer` and `memory` stand at its top, and `answers` always has
// one object per question. Sums over questions, except sections and document_tokens: one reading.
std::string report_json(const AskReport& report);
// The answer; with several questions each under its question.
std::string report_text(const AskReport& report, bool to_terminal);
// What to say of answers without a word; empty: there are none.
std::string warning_of_answers(const AskReport& report);
// One closing line for standard error: what was read, how fast, and whatever went wrong on the way.
std::string closing_line(const AskReport& report);

}  // namespace memagent
