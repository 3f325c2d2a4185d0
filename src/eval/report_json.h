// A finished suite as one JSON object: what `eval --json` writes and the HTML report is made from
// (docs/evaluation.md).
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/cells.h"

namespace memagent {

// What was measured, where and when.
struct ReportHead {
  std::string version;
  std::string commit;
  std::string machine;
  std::string date;  // ISO 8601
  std::string model;
  std::string settings_json;                               // one object
  std::vector<std::pair<std::string, std::string>> tasks;  // names and descriptions
  double seconds = 0;                                      // of all runs together
};

// Texts that are not whole UTF-8 have U+FFFD where they are not.
std::string report_json(const ReportHead& head, const Plan& plan, std::span<const Cell> cells,
                        std::span<const Difference> differences, std::span<const RowResult> rows);

}  // namespace memagent
