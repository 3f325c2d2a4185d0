// The page a report is shown in, made from web/report by the build; empty where memagent is built
// without its web pages.
#pragma once

#include <string_view>

namespace memagent {

extern const std::string_view kReportTemplate;

}  // namespace memagent
