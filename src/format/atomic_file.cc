#include "format/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::string_view kMark = ".part-";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kNumLetters = 6;

// A new file; its name is `path`, the mark and letters that are free; -1: errno says why. Not by
// mkostemp(), whose files are private: they would have to be given the rights of a plain creation,
// and the umask that these follow from cannot be asked for without being changed, for all threads.
int create_beside(const std::string& path, std::string& name) {
  constexpr int kTries = 100;
  std::random_device random;
  std::uniform_int_distribution<std::size_t> any(0, kLetters.size() - 1);
  for (int i = 0; i < kTries; ++i) {
    name = path;
    name += kMark;
    for (std::size_t letter = 0; letter < kNumLetters; ++letter) name += kLetters[any(random)];
    const int descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    fail(ErrorKind::kStorage, "cannot write '{}': it exists and is not a regular file", path_);
  }
  descriptor_ = create_beside(path_, temporary_path_);
  if (descriptor_ < 0) {
    const int reason = errno;
    temporary_path_.clear();
    fail_with(reason);
  }
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  bytes_written_ += bytes.size();
  while (!bytes.empty()) {
    const std::size_t room = kBufferBytes - buffer_.size();
    const auto part = bytes.first(std::min(room, bytes.size()));
    buffer_.insert(buffer_.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    if (buffer_.size() == kBufferBytes) flush();
  }
}

void AtomicFile::write(std::string_view bytes) { write(std::as_bytes(std::span(bytes))); }

void AtomicFile::flush() {
  MEMAGENT_CHECK(descriptor_ >= 0, "'{}' was committed", path_);
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_with(errno);
    }
    done += static_cast<std::size_t>(written);
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (::fsync(descriptor_) != 0) fail_with(errno);
  const int closing = std::exchange(descriptor_, -1);
  if (::close(closing) != 0) fail_with(errno);
  if (std::rename(temporary_path_.c_str(), path_.c_str()) != 0) fail_with(errno);
  temporary_path_.clear();
  // The rename itself reaches the disk with the folder. Not every file system can; not fatal.
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int directory =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

void AtomicFile::fail_with(int reason) const {
  const char* advice = reason == ENOSPC || reason == EDQUOT || reason == EFBIG
                           ? "; free some space or write elsewhere"
                           : "";
  fail(ErrorKind::kStorage, "cannot write '{}': {}{}", path_, std::strerror(reason), advice);
}

std::string target_of_temporary(std::string_view name) {
  const std::size_t mark = name.rfind(kMark);
  if (mark == std::string_view::npos) return "";
  const std::string_view letters = name.substr(mark + kMark.size());
  const bool ours =
      letters.size() == kNumLetters && letters.find_first_not_of(kLetters) == letters.npos;
  return ours ? std::string(name.substr(0, mark)) : "";
}

}  // namespace memagent
