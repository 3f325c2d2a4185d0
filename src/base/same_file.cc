#include "base/same_file.h"

#include <sys/stat.h>

#include <filesystem>

namespace memagent {
namespace {

namespace fs = std::filesystem;

fs::path place_of(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  const fs::path place = fs::weakly_canonical(whole, error);
  return error ? whole.lexically_normal() : place;
}

}  // namespace

bool is_same_file(const std::string& path, const std::string& other) {
  struct stat a {};
  struct stat b {};
  const bool there = ::stat(path.c_str(), &a) == 0;
  const bool other_there = ::stat(other.c_str(), &b) == 0;
  if (there != other_there) return false;
  if (!there) return place_of(path) == place_of(other);
  return (S_ISREG(a.st_mode) || S_ISDIR(a.st_mode)) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace memagent
