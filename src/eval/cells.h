// Rows summed up: one cell for each method, task and length. Pure functions of the rows, whatever
// order they come in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/row_result.h"
#include "eval/statistics.h"

namespace memagent {

struct Bin {
  double low = 0;  // depths [low, high) of the evidence in its document
  double high = 0;
  std::int64_t n = 0;  // pieces of evidence
  double score = 0;    // their mean EvidenceResult::score
};

struct HopScore {
  std::int32_t hops = 0;
  std::int64_t n = 0;  // rows
  double score = 0;
};

struct Cell {
  Method method = Method::kMemory;
  std::string task;
  std::int64_t length = 0;
  std::int64_t n = 0;             // rows, failed ones included
  std::optional<Estimate> score;  // none: Method::kFull and the window does not hold the documents
  double tokens = 0;              // of its documents, mean
  double exact_match = 0;         // means
  double f1 = 0;
  double seconds = 0;  // sums from here on
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t document_tokens = 0;
  std::int64_t sections_without_evidence = 0;
  std::int64_t false_updates = 0;  // of these
  std::map<Outcome, std::int64_t> outcomes;
  std::vector<Bin> by_depth;      // ten, where evidence with a place is recorded
  std::vector<HopScore> by_hops;  // where evidence is recorded
};

// What a suite consists of, in the order of reports.
struct Plan {
  std::vector<Method> methods;
  std::vector<std::string> tasks;
  std::vector<std::int64_t> lengths;
};

// One cell for each of the plan's, methods first, then tasks, then lengths; one without rows has
// n = 0 and no score. A cell of which one row is Outcome::kTooLong has no score: it would be the
// score of the short ones.
std::vector<Cell> cells_of(const Plan& plan, std::span<const RowResult> rows, std::uint64_t seed);

// The cells of a method and length whose score is known.
std::vector<Estimate> scores_of(std::span<const Cell> cells, Method method, std::int64_t length);

// A method against another on the rows that both have: positive where it is better.
struct Difference {
  Method method = Method::kMemory;
  Method against = Method::kMemory;
  std::int64_t length = 0;
  Estimate score;
};
// The plan's first method against each of the others, over all tasks, at each length where both
// have scores.
std::vector<Difference> differences_of(const Plan& plan, std::span<const RowResult> rows,
                                       std::span<const Cell> cells, std::uint64_t seed);

}  // namespace memagent
