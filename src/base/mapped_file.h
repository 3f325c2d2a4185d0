// A file mapped read-only into memory. Pages are loaded when touched and can be dropped by the
// system at any time, so a mapped file costs no memory of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace memagent {

class MappedFile {
 public:
  // Throws Error(kBadInput) if the path is not a readable regular file.
  explicit MappedFile(std::string path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  // Gives the memory of pages touched so far back to the system; they are read again when touched.
  void drop_pages() const;

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace memagent
