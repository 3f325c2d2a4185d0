#include "eval/cells.h"

#include <algorithm>
#include <tuple>

#include "base/random.h"

namespace memagent {
namespace {

constexpr std::size_t kBins = 10;

using CellKey = std::tuple<Method, std::string, std::int64_t>;

CellKey cell_key(const RowKey& key) { return {key.method, key.task, key.length}; }

// Rows of each cell by index, so that sums do not depend on which row ended first.
using RowsOfCells = std::map<CellKey, std::map<std::int64_t, const RowResult*>>;

RowsOfCells sort_rows(std::span<const RowResult> rows) {
  RowsOfCells sorted;
  for (const RowResult& row : rows) sorted[cell_key(row.key)][row.key.index] = &row;
  return sorted;
}

// A sum and how many it is of; divided once.
struct Mean {
  double sum = 0;
  std::int64_t n = 0;
  void add(double value) {
    sum += value;
    ++n;
  }
  double value() const { return n == 0 ? 0 : sum / static_cast<double>(n); }
};

class CellSums {
 public:
  void add(const RowResult& result) {
    scores_.push_back(result.verdict.score);
    exact_match_.add(result.verdict.exact_match);
    f1_.add(result.verdict.f1);
    tokens_.add(static_cast<double>(result.row.tokens));
    cell_.seconds += result.seconds;
    cell_.prompt_tokens += result.prompt_tokens;
    cell_.cached_prompt_tokens += result.cached_prompt_tokens;
    cell_.generated_tokens += result.generated_tokens;
    cell_.document_tokens += result.row.tokens;
    cell_.sections_without_evidence += result.sections_without_evidence;
    cell_.false_updates += result.false_updates;
    ++cell_.outcomes[result.outcome];
    add_evidence(result);
  }

  Cell cell(const CellKey& key, std::uint64_t seed) {
    std::tie(cell_.method, cell_.task, cell_.length) = key;
    cell_.n = static_cast<std::int64_t>(scores_.size());
    cell_.tokens = tokens_.value();
    cell_.exact_match = exact_match_.value();
    cell_.f1 = f1_.value();
    if (!scores_.empty() && !cell_.outcomes.contains(Outcome::kTooLong)) {
      cell_.score = estimate(scores_, seed);
    }
    if (has_depths_) {
      for (std::size_t i = 0; i < kBins; ++i) {
        cell_.by_depth.push_back({.low = static_cast<double>(i) / kBins,
                                  .high = static_cast<double>(i + 1) / kBins,
                                  .n = depths_[i].n,
                                  .score = depths_[i].value()});
      }
    }
    for (const auto& [hops, score] : hops_) {
      cell_.by_hops.push_back({.hops = hops, .n = score.n, .score = score.value()});
    }
    return std::move(cell_);
  }

 private:
  void add_evidence(const RowResult& result) {
    std::int32_t hops = 0;
    for (std::size_t i = 0; i < result.evidence.size(); ++i) {
      const Evidence& fact = result.row.evidence[i];
      hops = std::max(hops, fact.hop + 1);
      if (fact.byte_begin < 0 || fact.byte_begin >= result.row.document_bytes) continue;
      const double depth =
          static_cast<double>(fact.byte_begin) / static_cast<double>(result.row.document_bytes);
      depths_[std::min(static_cast<std::size_t>(depth * kBins), kBins - 1)].add(
          result.evidence[i].score);
      has_depths_ = true;
    }
    if (hops > 0) hops_[hops].add(result.verdict.score);
  }

  Cell cell_;
  std::vector<double> scores_;
  Mean exact_match_, f1_, tokens_;
  Mean depths_[kBins];
  bool has_depths_ = false;
  std::map<std::int32_t, Mean> hops_;
};

}  // namespace

std::vector<Cell> cells_of(const Plan& plan, std::span<const RowResult> rows, std::uint64_t seed) {
  const RowsOfCells sorted = sort_rows(rows);
  std::vector<Cell> cells;
  for (const Method method : plan.methods) {
    for (const std::string& task : plan.tasks) {
      for (const std::int64_t length : plan.lengths) {
        const CellKey key(method, task, length);
        CellSums sums;
        if (const auto found = sorted.find(key); found != sorted.end()) {
          for (const auto& [index, row] : found->second) sums.add(*row);
        }
        cells.push_back(sums.cell(key, derive(seed, 1)));
      }
    }
  }
  return cells;
}

std::vector<Estimate> scores_of(std::span<const Cell> cells, Method method, std::int64_t length) {
  std::vector<Estimate> scores;
  for (const Cell& cell : cells) {
    if (cell.method == method && cell.length == length && cell.score) scores.push_back(*cell.score);
  }
  return scores;
}

std::vector<Difference> differences_of(const Plan& plan, std::span<const RowResult> rows,
                                       std::span<const Cell> cells, std::uint64_t seed) {
  const RowsOfCells sorted = sort_rows(rows);
  const auto has_score = [&](const CellKey& key) {
    return std::any_of(cells.begin(), cells.end(), [&](const Cell& cell) {
      return CellKey(cell.method, cell.task, cell.length) == key && cell.score;
    });
  };
  std::vector<Difference> differences;
  for (std::size_t i = 1; i < plan.methods.size(); ++i) {
    for (const std::int64_t length : plan.lengths) {
      std::vector<double> values;
      for (const std::string& task : plan.tasks) {
        const CellKey one(plan.methods[0], task, length);
        const CellKey other(plan.methods[i], task, length);
        if (!has_score(one) || !has_score(other)) continue;
        for (const auto& [index, row] : sorted.at(one)) {
          const auto& others = sorted.at(other);
          const auto same = others.find(index);
          if (same == others.end()) continue;
          values.push_back(row->verdict.score - same->second->verdict.score);
        }
      }
      if (values.empty()) continue;
      differences.push_back(
          {plan.methods[0], plan.methods[i], length, estimate_difference(values, derive(seed, 2))});
    }
  }
  return differences;
}

}  // namespace memagent
