#include "eval/report_html.h"

#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "eval/report_template.h"
#include "format/html_page.h"

namespace memagent {
namespace {

constexpr std::string_view kPlace = "%REPORT%";

}  // namespace

std::string report_html(std::string_view report_json) {
  if (kReportTemplate.empty()) {
    fail(ErrorKind::kUsage,
         "an HTML report: this memagent was built with -DMEMAGENT_WEB=OFF, without its web pages; "
         "build it with them, or write the report as JSON");
  }
  const std::size_t start = report_json.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || report_json[start] != '{' ||
      !nlohmann::json::accept(report_json)) {
    fail(ErrorKind::kBadInput,
         "an HTML report: what was given ({} bytes) is not a JSON object; give the JSON report of "
         "an evaluation",
         report_json.size());
  }
  return page_with_data(kReportTemplate, kPlace, report_json);
}

}  // namespace memagent
