#include "eval/report_html.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/fail.h"
#include "eval/report_template.h"

namespace memagent {
namespace {

constexpr std::string_view kPlace = "%REPORT%";

// In JSON "<" stands only within strings, where \u003c is the same character. Without it the text
// can neither end the <script> element nor open a comment in it.
void append_for_script(std::string_view json, std::string& html) {
  for (const char c : json) {
    if (c == '<') {
      html += "\\u003c";
    } else {
      html += c;
    }
  }
}

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
  const std::size_t place = kReportTemplate.find(kPlace);
  MEMAGENT_CHECK(place != std::string_view::npos, "the page has no place for a report");
  std::string html;
  html.reserve(kReportTemplate.size() + report_json.size() + report_json.size() / 16);
  html += kReportTemplate.substr(0, place);
  append_for_script(report_json, html);
  html += kReportTemplate.substr(place + kPlace.size());
  return html;
}

}  // namespace memagent
