// In place of the page where memagent is built with -DMEMAGENT_WEB=OFF.
#include "server/page_html.h"

namespace memagent {

const std::string_view kServePage = "";

}  // namespace memagent
