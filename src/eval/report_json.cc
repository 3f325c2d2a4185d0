#include "eval/report_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace memagent {
namespace {

using nlohmann::ordered_json;

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

void set_estimate(ordered_json& object, const char* name, const Estimate& estimate) {
  object[name] = rounded(estimate.mean);
  object["ci_low"] = rounded(estimate.low);
  object["ci_high"] = rounded(estimate.high);
}

ordered_json cell_json(const Cell& cell) {
  ordered_json object;
  object["method"] = to_string(cell.method);
  object["task"] = cell.task;
  object["length"] = cell.length;
  object["tokens"] = std::round(cell.tokens);
  object["n"] = cell.n;
  if (cell.score) {
    set_estimate(object, "score", *cell.score);
    object["exact_match"] = rounded(cell.exact_match);
    object["f1"] = rounded(cell.f1);
    object["seconds"] = rounded(cell.seconds);
    object["prompt_tokens"] = cell.prompt_tokens;
    object["cached_prompt_tokens"] = cell.cached_prompt_tokens;
    object["generated_tokens"] = cell.generated_tokens;
    object["document_tokens"] = cell.document_tokens;
    if (cell.sections_without_evidence > 0) {
      object["sections_without_evidence"] = cell.sections_without_evidence;
      object["false_updates"] = cell.false_updates;
    }
  }
  ordered_json& outcomes = object["outcomes"] = ordered_json::object();
  for (const auto& [outcome, count] : cell.outcomes) outcomes[to_string(outcome)] = count;
  if (!cell.score) return object;
  ordered_json& depths = object["by_depth"] = ordered_json::array();
  for (const Bin& bin : cell.by_depth) {
    ordered_json one = {{"low", bin.low}, {"high", bin.high}, {"n", bin.n}};
    if (bin.n > 0) one["score"] = rounded(bin.score);
    depths.push_back(std::move(one));
  }
  ordered_json& hops = object["by_hops"] = ordered_json::array();
  for (const HopScore& score : cell.by_hops) {
    hops.push_back({{"hops", score.hops}, {"n", score.n}, {"score", rounded(score.score)}});
  }
  return object;
}

}  // namespace

std::string report_json(const ReportHead& head, const Plan& plan, std::span<const Cell> cells,
                        std::span<const Difference> differences, std::span<const RowResult> rows) {
  ordered_json report;
  report["memagent"] = head.version;
  report["commit"] = head.commit;
  report["machine"] = head.machine;
  report["date"] = head.date;
  report["model"] = head.model;
  report["settings"] = ordered_json::parse(head.settings_json);
  report["seconds"] = rounded(head.seconds);
  ordered_json& tasks = report["tasks"] = ordered_json::array();
  for (const auto& [name, description] : head.tasks) {
    tasks.push_back({{"name", name}, {"description", description}});
  }
  report["lengths"] = plan.lengths;
  ordered_json& methods = report["methods"] = ordered_json::array();
  for (const Method method : plan.methods) methods.push_back(to_string(method));
  ordered_json& cell_list = report["cells"] = ordered_json::array();
  for (const Cell& cell : cells) cell_list.push_back(cell_json(cell));
  ordered_json& difference_list = report["differences"] = ordered_json::array();
  for (const Difference& difference : differences) {
    ordered_json one = {{"method", to_string(difference.method)},
                        {"against", to_string(difference.against)},
                        {"length", difference.length},
                        {"n", difference.score.n}};
    set_estimate(one, "difference", difference.score);
    difference_list.push_back(std::move(one));
  }
  ordered_json& row_list = report["rows"] = ordered_json::array();
  for (const RowResult& row : rows) row_list.push_back(ordered_json::parse(to_json(row)));
  return report.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace memagent
