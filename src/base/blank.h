// Text without a word in it.
#pragma once

#include <string_view>

namespace memagent {

inline bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

}  // namespace memagent
