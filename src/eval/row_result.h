// What became of one row: the row, the response, its verdict, why it failed, what it cost.
//
// As JSON it is a line of rows.jsonl and an element of the report's "rows" (docs/evaluation.md).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/method.h"
#include "task/row.h"
#include "task/verifier.h"

namespace memagent {

// Which row of a suite: what is asked, and how.
struct RowKey {
  Method method = Method::kMemory;
  std::string task;
  std::int64_t length = 0;                          // tokens asked for
  std::int64_t index = 0;                           // of the row in its task
  auto operator<=>(const RowKey&) const = default;  // NOLINT(modernize-use-nullptr): clang 14
};

enum class Outcome {
  kRight,
  kNeverNoted,  // a needed value was never in any memory
  kLost,        // noted, but gone from the last memory
  kNotUsed,     // in the last memory (or in the text shown), and still not answered
  kNotShown,    // baselines: the text that the model was shown lacks the evidence
  kExcessive,   // a response that lists far more than an answer
  kNoEvidence,  // wrong, and no evidence is recorded to tell why
  kFailed,      // the model or the endpoint failed for good: scores 0
  kTooLong,     // Method::kFull: the window has no room for it; not asked, not scored
};
const char* to_string(Outcome outcome);  // "right", "never_noted", ...

// What became of one piece of the row's evidence.
struct EvidenceResult {
  bool noted = false;  // each of its values was in some memory; baselines: its text was shown
  bool kept = false;   // each of its values is in the last memory; baselines: as noted
  double score = 0;    // whether it was answered: see evidence_scores()
};

// One update of a reading. Steps that keep the memory have none.
struct TraceStep {
  std::int32_t pass = 0;
  std::int64_t section_index = 0;
  std::int64_t byte_begin = 0;
  std::int64_t byte_end = 0;
  std::string decision;
  std::optional<std::string> memory;  // where it changed
};

struct RowResult {
  RowKey key;
  Row row;
  std::string response;
  std::string error;  // of a failed one
  Verdict verdict;
  Outcome outcome = Outcome::kFailed;
  std::vector<EvidenceResult> evidence;  // one for each of row.evidence
  std::int64_t sections = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t discarded_generated_tokens = 0;  // by reading ahead
  std::int64_t malformed = 0;
  std::int64_t truncated = 0;
  // Sections that hold nothing of the row's evidence (read twice, they count twice), and how many
  // of them changed the memory. None where it is not known where the evidence stands.
  std::int64_t sections_without_evidence = 0;
  std::int64_t false_updates = 0;
  double seconds = 0;  // its share of the run's: see suite.h
  std::vector<TraceStep> trace;
};

// One line, no line end.
std::string to_json(const RowResult& result);
// Throws Error(kBadInput) naming the field; `where` says which line of which file.
RowResult row_result_from_json(std::string_view text, const std::string& where);

}  // namespace memagent
