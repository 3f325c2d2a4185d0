#include "mcp/allowed_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/fail.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto [at_folder, at_path] =
      std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return at_folder == folder.end() && at_path != path.end();
}

}  // namespace

AllowedFiles::AllowedFiles(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    std::error_code error;
    const fs::path whole = fs::canonical(folder, error);
    if (error || !fs::is_directory(whole, error)) {
      fail(ErrorKind::kUsage, "--root: {}: is no folder that can be read: check the name", folder);
    }
    folders_.push_back(whole.string());
  }
}

bool AllowedFiles::contain(const std::string& whole_path) const {
  return std::any_of(folders_.begin(), folders_.end(),
                     [&](const std::string& folder) { return lies_in(whole_path, folder); });
}

std::string AllowedFiles::find(const std::string& path) const {
  bool inside = true;
  for (const std::string& folder : folders_) {
    std::error_code error;
    const fs::path whole = fs::canonical(fs::path(folder) / path, error);
    if (error) {
      // Where it would be decides what is said of it, and nothing else.
      const fs::path nowhere = fs::weakly_canonical(fs::path(folder) / path, error);
      inside = inside && !error && contain(nowhere.string());
      continue;
    }
    if (!contain(whole.string())) {
      inside = false;
      continue;
    }
    if (fs::is_regular_file(whole, error)) return whole.string();
    if (fs::is_directory(whole, error)) {
      fail(ErrorKind::kBadInput, "{}: is a directory: name the files in it", path);
    }
    fail(ErrorKind::kBadInput, "{}: is no regular file: only those are read", path);
  }
  if (inside) fail(ErrorKind::kBadInput, "{}: there is no such file: check the name", path);
  fail(ErrorKind::kBadInput,
       "{}: lies outside of the folders that this server may read ({}): add its folder with --root",
       path, fmt::join(folders_, ", "));
}

}  // namespace memagent
