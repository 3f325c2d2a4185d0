#include "base/input_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ios>

#include "base/fail.h"

namespace memagent {
namespace {

[[noreturn]] void refuse(const std::string& path, const char* of, int reason) {
  fail(ErrorKind::kBadInput, "{}{}: cannot be read: {}: check {}", of, path, std::strerror(reason),
       reason == EACCES ? "its permissions" : "the name");
}

}  // namespace

std::ifstream open_input(const std::string& path, const char* of) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail(ErrorKind::kBadInput, "{}{}: is a directory: name a file in it", of, path);
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, of, errno);
  return file;
}

std::string read_whole(const std::string& path, const char* of, std::size_t most) {
  std::ifstream file = open_input(path, of);
  std::string text;
  std::array<char, 1 << 16> block{};
  errno = 0;
  while (file && text.size() < most) {
    const std::size_t wanted = std::min(block.size(), most - text.size());
    file.read(block.data(), static_cast<std::streamsize>(wanted));
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) refuse(path, of, errno);
  return text;
}

}  // namespace memagent
