// Whether two names are of one file: what must not be written while it is read.
#pragma once

#include <string>

namespace memagent {

// True for one file or folder under two names (links, ./x), and for names of one place where there
// is nothing yet. False for pipes and devices: these lose nothing by being opened twice.
bool is_same_file(const std::string& path, const std::string& other);

}  // namespace memagent
