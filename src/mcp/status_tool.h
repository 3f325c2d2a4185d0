// The tool `session_status`: what is kept of readings, from the store alone.
#pragma once

#include <string>

#include "mcp/tools.h"

namespace memagent {

// The result as a JSON object: the latest sessions, or one with its memory and answers. Throws
// Error(kUsage) where there is none of that name, Error(kStorage).
std::string session_status(const StatusArguments& arguments, const std::string& store);

}  // namespace memagent
