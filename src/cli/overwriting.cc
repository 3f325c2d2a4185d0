#include "cli/overwriting.h"

#include <filesystem>

#include "base/fail.h"
#include "base/same_file.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

void refuse_same(const UsedFile& output, const UsedFile& used, const std::string& path,
                 const char* how) {
  if (!is_same_file(output.path, path == "-" ? "/dev/stdin" : path)) return;
  fail(ErrorKind::kUsage, "{}: {}: is {}{}{}, which is {}: choose another file", output.flag,
       output.path, used.flag, used.flag.empty() ? "" : " ", path == "-" ? "standard input" : path,
       how);
}

}  // namespace

void refuse_overwriting(const UsedFile& output, const std::vector<UsedFile>& read) {
  if (output.path.empty()) return;
  for (const UsedFile& used : read) {
    if (used.path.empty()) continue;
    refuse_same(output, used, used.path, "read");
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(used.path, error)) {
      refuse_same(output, used, entry.path().string(), "read");
    }
  }
}

void refuse_same_output(const UsedFile& output, const UsedFile& other) {
  if (output.path.empty() || other.path.empty()) return;
  refuse_same(output, other, other.path, "written, too");
}

}  // namespace memagent
