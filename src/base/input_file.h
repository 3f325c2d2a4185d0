// Files that a user names and that are read as a stream, or whole. What keeps one from being read
// is told in one line; a folder is no file, though the system opens it like one.
#pragma once

#include <cstddef>
#include <fstream>
#include <limits>
#include <string>

namespace memagent {

// Throw Error(kBadInput) if the file cannot be read. `of` begins the message: the flag or key that
// names the file, such as "--questions: ".
std::ifstream open_input(const std::string& path, const char* of = "");
// The file's first `most` bytes.
std::string read_whole(const std::string& path, const char* of = "",
                       std::size_t most = std::numeric_limits<std::size_t>::max());

}  // namespace memagent
