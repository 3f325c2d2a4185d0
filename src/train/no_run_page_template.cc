// In place of the page where memagent is built with -DMEMAGENT_WEB=OFF.
#include "train/run_page_template.h"

namespace memagent {

const std::string_view kRunTemplate = "";

}  // namespace memagent
