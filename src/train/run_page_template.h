// The page a run is shown in, made from web/run by the build; empty where memagent is built without
// its web pages.
#pragma once

#include <string_view>

namespace memagent {

extern const std::string_view kRunTemplate;

}  // namespace memagent
