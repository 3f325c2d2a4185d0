// The report of an evaluation as one HTML file that needs nothing else: the page of web/report with
// the JSON of the report inside. What is in the JSON: docs/report.md.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

// `report_json` may hold any text: nothing in it can end the element it stands in.
//
// Throws Error(kBadInput) if it is not one JSON object in UTF-8, and Error(kUsage) if this memagent
// was built without its web pages.
std::string report_html(std::string_view report_json);

}  // namespace memagent
