// Which files an assistant may have read: those under some folders, wherever links lead.
#pragma once

#include <string>
#include <vector>

namespace memagent {

class AllowedFiles {
 public:
  // Throws Error(kUsage) for what is no folder.
  explicit AllowedFiles(const std::vector<std::string>& folders);

  // Whole paths without links.
  const std::vector<std::string>& folders() const { return folders_; }

  // The whole path, without links, of a regular file. Relative paths are looked up in the folders,
  // in their order. Throws Error(kBadInput), which for what lies outside says nothing of whether it
  // is there.
  std::string find(const std::string& path) const;

 private:
  bool contain(const std::string& whole_path) const;

  std::vector<std::string> folders_;
};

}  // namespace memagent
