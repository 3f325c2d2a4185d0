// A file that appears whole or not at all.
//
// Bytes go to a temporary file beside the target, which is flushed to the disk and renamed over the
// target by commit(). If anything fails before, or commit() is never called, the temporary file is
// removed and whatever was at the target is untouched. It has the rights that the umask leaves.
// A process that is killed leaves its temporary file: PATH, ".part-" and six of a-z and 0-9.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

class AtomicFile {
 public:
  // Every failure throws Error(kStorage) naming the target and the system's reason.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes);
  void commit();

  std::uint64_t bytes_written() const { return bytes_written_; }
  const std::string& path() const { return path_; }

 private:
  void flush();
  [[noreturn]] void fail_with(int reason) const;

  std::string path_;
  std::string temporary_path_;
  int descriptor_ = -1;
  std::uint64_t bytes_written_ = 0;
  std::vector<std::byte> buffer_;
};

// The file that one of this name was to become, if it is a temporary one's; else empty.
std::string target_of_temporary(std::string_view name);

}  // namespace memagent
