// Keeps what is read from a source that can be read only once, in a temporary file without a name
// (in TMPDIR, else /tmp), which disappears with the source or the process.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/fail.h"
#include "memagent/document.h"

namespace memagent {
namespace {

class SpooledSource final : public DocumentSource {
 public:
  explicit SpooledSource(std::unique_ptr<DocumentSource> source) : source_(std::move(source)) {
    const char* set = std::getenv("TMPDIR");
    std::string path = set != nullptr && *set != '\0' ? set : "/tmp";
    path += "/memagent-XXXXXX";
    descriptor_ = ::mkostemp(path.data(), O_CLOEXEC);
    if (descriptor_ < 0) {
      const int reason = errno;
      fail(ErrorKind::kStorage,
           "cannot keep a temporary copy of {}: '{}': {}; set TMPDIR to a folder that can be "
           "written",
           name(), path, std::strerror(reason));
    }
    ::unlink(path.c_str());
  }
  ~SpooledSource() override { ::close(descriptor_); }
  SpooledSource(const SpooledSource&) = delete;
  SpooledSource& operator=(const SpooledSource&) = delete;

  // What has been kept first, then the source itself.
  std::size_t read(std::span<char> buffer) override {
    if (buffer.empty()) return 0;
    if (position_ < kept_) return read_kept(buffer);
    if (ended_) return 0;
    const std::size_t bytes = source_->read(buffer);
    ended_ = bytes == 0;
    keep({buffer.data(), bytes});
    position_ = kept_;
    return bytes;
  }
  bool rewindable() const override { return true; }
  void rewind() override { position_ = 0; }
  std::int64_t total_bytes() const override { return ended_ ? kept_ : source_->total_bytes(); }
  std::string name() const override { return source_->name(); }
  std::int64_t repaired_sequences() const override { return source_->repaired_sequences(); }

 private:
  std::size_t read_kept(std::span<char> buffer) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::int64_t>(static_cast<std::int64_t>(buffer.size()), kept_ - position_));
    ssize_t bytes = 0;
    do {
      bytes = ::pread(descriptor_, buffer.data(), wanted, position_);
    } while (bytes < 0 && errno == EINTR);
    if (bytes <= 0) {
      const int reason = errno;
      fail(ErrorKind::kStorage, "cannot read the temporary copy of {}: {}", name(),
           bytes == 0 ? "it is shorter than what was written" : std::strerror(reason));
    }
    position_ += bytes;
    return static_cast<std::size_t>(bytes);
  }

  void keep(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), kept_);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        const int reason = errno;
        fail(ErrorKind::kStorage,
             "cannot keep a temporary copy of {}: {}; set TMPDIR to a place with more room", name(),
             std::strerror(reason));
      }
      kept_ += written;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  std::unique_ptr<DocumentSource> source_;
  int descriptor_;
  std::int64_t kept_ = 0;      // bytes in the file
  std::int64_t position_ = 0;  // of the next read
  bool ended_ = false;         // the source has nothing more
};

}  // namespace

std::unique_ptr<DocumentSource> spooled_source(std::unique_ptr<DocumentSource> source) {
  if (source->rewindable()) return source;
  return std::make_unique<SpooledSource>(std::move(source));
}

}  // namespace memagent
