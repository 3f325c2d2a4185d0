#pragma once

#include <string_view>

namespace memagent {

// What web/build.mjs makes of web/page; empty where memagent is built without.
extern const std::string_view kServePage;

}  // namespace memagent
