// Where a reading failed: which of a row's evidence its memories ever held, and held to the end.
//
// Values are looked for as the verifier looks for answers. Knows the row and the memories; nothing
// of models, and nothing is kept of a memory but which values were in it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "eval/row_result.h"

namespace memagent {

class MemoryWatch {
 public:
  // Borrows the row.
  explicit MemoryWatch(const Row& row);
  // Each memory that differs from the one before, in order; the last one last.
  void see(std::string_view memory);
  // `noted` and `kept` of each piece of evidence; one without values is never either.
  std::vector<EvidenceResult> result() const;

 private:
  struct Value {
    bool ever = false;
    bool now = false;
  };
  const Row& row_;
  std::vector<std::vector<Value>> values_;  // as row.evidence and its values
};

// Where every piece of the row's evidence stands is known: without that it cannot be said of a
// section that it holds none.
bool has_places(const Row& row);
// Anything of it stands in these bytes of the document.
bool holds_evidence(const Row& row, std::int64_t byte_begin, std::int64_t byte_end);

// Baselines: `noted` and `kept` where the evidence's text stands in what the model was shown.
std::vector<EvidenceResult> evidence_shown(const Row& row, std::string_view shown);

// Fills in EvidenceResult::score. With Match::kAll a piece of evidence that holds accepted answers
// scores the share of them that the extracted answer gives; otherwise it scores what the row does.
void score_evidence(const Row& row, const Verdict& verdict, std::vector<EvidenceResult>& evidence);

// Why the score is less than 1, or kRight. In a chain of hops an earlier link may be let go once it
// was noted; what has to be in the last memory is the last hop's evidence, and whatever holds an
// accepted answer.
Outcome outcome_of(const Row& row, const Verdict& verdict,
                   const std::vector<EvidenceResult>& evidence, Method method);

}  // namespace memagent
