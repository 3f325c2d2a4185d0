// Refuses to write over what the same command reads or writes, while nothing is opened yet.
#pragma once

#include <string>
#include <vector>

namespace memagent {

// A file of a command line. A folder stands for the files in it.
struct UsedFile {
  std::string flag;  // "--model"; empty: an argument, or no flag names it
  std::string path;  // empty: none; of what is read "-" is standard input
};

// Throws Error(kUsage), naming both, if `output` is one of `read`, by whatever name.
void refuse_overwriting(const UsedFile& output, const std::vector<UsedFile>& read);
// The same if it is another output.
void refuse_same_output(const UsedFile& output, const UsedFile& other);

}  // namespace memagent
