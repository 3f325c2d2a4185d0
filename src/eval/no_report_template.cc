// In place of the page where memagent is built with -DMEMAGENT_WEB=OFF.
#include "eval/report_template.h"

namespace memagent {

const std::string_view kReportTemplate = "";

}  // namespace memagent
