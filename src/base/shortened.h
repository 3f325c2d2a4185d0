// Long texts for one-line messages.
#pragma once

#include <string>

namespace memagent {

// At most 60 bytes of the text, and "..." where there was more.
inline std::string shortened(std::string text) {
  constexpr std::size_t kMost = 60;
  if (text.size() <= kMost) return text;
  text.resize(kMost);
  return text + "...";
}

}  // namespace memagent
