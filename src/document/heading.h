// The heading line that tells documents read one after another apart.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

// "# title" and an empty line; control characters of the title become spaces. With `separate`, an
// empty line goes before it.
std::string heading_line(std::string_view title, bool separate);

}  // namespace memagent
