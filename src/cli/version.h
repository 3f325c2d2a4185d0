// Which version of the program this is.
#pragma once

namespace memagent {

extern const char* const kVersion;  // "0.1.0"
extern const char* const kCommit;   // "1c92da3", with "+changes" behind it, or "unknown"

}  // namespace memagent
