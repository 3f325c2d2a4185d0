#include "eval/failure.h"

#include <algorithm>

namespace memagent {
namespace {

bool is_answer(const Row& row, const std::string& value) {
  return std::any_of(row.answers.begin(), row.answers.end(),
                     [&](const std::string& answer) { return exact_match(value, answer) > 0; });
}

// Whether the answer cannot be given without this evidence in the last memory.
bool needed_at_end(const Row& row, const Evidence& fact, std::int32_t last_hop) {
  return fact.hop == last_hop ||
         std::any_of(fact.values.begin(), fact.values.end(),
                     [&](const std::string& value) { return is_answer(row, value); });
}

}  // namespace

MemoryWatch::MemoryWatch(const Row& row) : row_(row) {
  for (const Evidence& fact : row.evidence) values_.emplace_back(fact.values.size());
}

void MemoryWatch::see(std::string_view memory) {
  const AnswerText text(memory);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    for (std::size_t j = 0; j < values_[i].size(); ++j) {
      Value& value = values_[i][j];
      value.now = text.contains(row_.evidence[i].values[j]);
      value.ever = value.ever || value.now;
    }
  }
}

std::vector<EvidenceResult> MemoryWatch::result() const {
  std::vector<EvidenceResult> results;
  for (const std::vector<Value>& values : values_) {
    EvidenceResult result;
    result.noted = !values.empty() &&
                   std::all_of(values.begin(), values.end(), [](const Value& v) { return v.ever; });
    result.kept = !values.empty() &&
                  std::all_of(values.begin(), values.end(), [](const Value& v) { return v.now; });
    results.push_back(result);
  }
  return results;
}

bool has_places(const Row& row) {
  return !row.evidence.empty() && std::ranges::all_of(row.evidence, [&](const Evidence& fact) {
    return fact.byte_begin >= 0 && fact.byte_end > fact.byte_begin &&
           fact.byte_end <= row.document_bytes;
  });
}

bool holds_evidence(const Row& row, std::int64_t byte_begin, std::int64_t byte_end) {
  return std::ranges::any_of(row.evidence, [&](const Evidence& fact) {
    return fact.byte_begin < byte_end && byte_begin < fact.byte_end;
  });
}

std::vector<EvidenceResult> evidence_shown(const Row& row, std::string_view shown) {
  std::vector<EvidenceResult> results;
  for (const Evidence& fact : row.evidence) {
    const bool there = shown.find(fact.text) != std::string_view::npos;
    results.push_back({.noted = there, .kept = there});
  }
  return results;
}

void score_evidence(const Row& row, const Verdict& verdict, std::vector<EvidenceResult>& evidence) {
  for (EvidenceResult& fact : evidence) fact.score = verdict.score;
  if (row.match == Match::kAny || verdict.score == 0) return;
  const AnswerText text(verdict.extracted);
  for (std::size_t i = 0; i < evidence.size(); ++i) {
    double held = 0;
    double given = 0;
    for (const std::string& value : row.evidence[i].values) {
      if (!is_answer(row, value)) continue;
      held += 1;
      given += text.contains(value) ? 1 : 0;
    }
    if (held > 0) evidence[i].score = given / held;
  }
}

Outcome outcome_of(const Row& row, const Verdict& verdict,
                   const std::vector<EvidenceResult>& evidence, Method method) {
  if (verdict.score >= 1) return Outcome::kRight;
  if (verdict.excessive) return Outcome::kExcessive;
  if (evidence.empty()) return Outcome::kNoEvidence;
  const bool all_noted = std::all_of(evidence.begin(), evidence.end(),
                                     [](const EvidenceResult& fact) { return fact.noted; });
  if (method != Method::kMemory) return all_noted ? Outcome::kNotUsed : Outcome::kNotShown;
  if (!all_noted) return Outcome::kNeverNoted;
  std::int32_t last_hop = 0;
  for (const Evidence& fact : row.evidence) last_hop = std::max(last_hop, fact.hop);
  for (std::size_t i = 0; i < evidence.size(); ++i) {
    if (!evidence[i].kept && needed_at_end(row, row.evidence[i], last_hop)) return Outcome::kLost;
  }
  return Outcome::kNotUsed;
}

}  // namespace memagent
