// The whole of a document, for tests that look at it.
#pragma once

#include <string>
#include <vector>

#include "memagent/document.h"

namespace memagent::test {

inline std::string read_all(DocumentSource& source) {
  std::string text;
  std::vector<char> buffer(std::size_t{1} << 16);
  for (std::size_t count; (count = source.read(buffer)) > 0;) text.append(buffer.data(), count);
  return text;
}

}  // namespace memagent::test
