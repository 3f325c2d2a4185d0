#include "task/evidence_oracle.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace memagent {
namespace {

class EvidenceOracle final : public Oracle {
 public:
  explicit EvidenceOracle(const Row& row)
      : evidence_(row.evidence), answers_(row.answers), match_(row.match) {
    for (const Evidence& fact : evidence_) {
      MEMAGENT_CHECK(fact.byte_begin >= 0 && fact.byte_end >= fact.byte_begin,
                     "row {}: evidence at {} to {}", row.id, fact.byte_begin, fact.byte_end);
    }
    std::stable_sort(evidence_.begin(), evidence_.end(), [](const Evidence& a, const Evidence& b) {
      return a.byte_begin < b.byte_begin;
    });
  }

  void read(std::int64_t, std::int64_t byte_end, std::string_view) override {
    read_to_ = std::max(read_to_, byte_end);
  }

  std::string memory() const override {
    std::string memory;
    for (const Evidence& fact : evidence_) {
      if (!noted(fact)) continue;
      if (!memory.empty()) memory += '\n';
      memory += memory_line(fact.note);
    }
    return memory;
  }

  bool complete() const override {
    return std::all_of(evidence_.begin(), evidence_.end(),
                       [this](const Evidence& fact) { return noted(fact); });
  }

  std::string answer() const override {
    if (match_ == Match::kAny) return complete() ? answers_.front() : "";
    std::vector<std::string> given;
    for (const Evidence& fact : evidence_) {
      if (!noted(fact)) continue;
      for (const std::string& value : fact.values) {
        const auto is = [&](const std::string& other) { return other == value; };
        if (std::none_of(answers_.begin(), answers_.end(), is)) continue;
        if (std::none_of(given.begin(), given.end(), is)) given.push_back(value);
      }
    }
    const bool chain = std::any_of(evidence_.begin(), evidence_.end(),
                                   [](const Evidence& fact) { return fact.hop > 0; });
    if (chain) std::reverse(given.begin(), given.end());
    std::string answer;
    for (const std::string& value : given) {
      if (!answer.empty()) answer += ", ";
      answer += value;
    }
    return answer;
  }

 private:
  bool noted(const Evidence& fact) const { return fact.byte_end <= read_to_; }

  std::vector<Evidence> evidence_;  // in document order
  std::vector<std::string> answers_;
  Match match_;
  std::int64_t read_to_ = 0;
};

}  // namespace

std::string memory_line(const std::string& note) { return "- " + note; }

std::unique_ptr<Oracle> evidence_oracle(const Row& row) {
  return std::make_unique<EvidenceOracle>(row);
}

}  // namespace memagent
