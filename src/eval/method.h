// Ways of answering that one table compares: the memory, and what the same model does without it.
#pragma once

#include <string>
#include <vector>

namespace memagent {

enum class Method {
  kMemory,          // section by section, answered from the memory
  kFull,            // the whole document in one prompt, where the window has room for it
  kTruncate,        // the last of the document that the window has room for
  kTruncateMiddle,  // its beginning and its end in equal parts, the middle cut out
  kRetrieve,        // the chunks that match the question best, as many as the window has room for
};
const char* to_string(Method method);          // "memory", "full", "truncate", ...
Method parse_method(const std::string& name);  // throws Error(kUsage) listing the choices

}  // namespace memagent
