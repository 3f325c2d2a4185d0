// Files, pipes and standard input, read one after another.
//
// A regular file is taken as it is when it is opened: text added later is not read, and a file that
// became shorter is an error, because an answer from half a document would not say so. Everything
// else (pipes, terminals, devices) is read to its end, once.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/fail.h"
#include "document/heading.h"
#include "memagent/document.h"

namespace memagent {
namespace {

constexpr std::size_t kSniffBytes = std::size_t{64} * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kHowToConvert =
    "convert it to plain text first (a PDF with pdftotext, a Word file with pandoc)";

std::string shown(const std::string& path) {
  return path == "-" ? "standard input" : fmt::format("'{}'", path);
}

// Tells text from anything else by the first 64 KiB: text has no NUL bytes and few control
// characters. The verdict on control characters waits for all of them (or the end), so that it does
// not depend on how the bytes arrive.
class BinaryCheck {
 public:
  void look(std::string_view bytes, const std::string& path) {
    bytes = bytes.substr(0, kSniffBytes - seen_);
    if (seen_ == 0 && (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))) {
      fail(ErrorKind::kBadInput,
           "{} is UTF-16 text; convert it first, e.g. with iconv -f UTF-16 -t UTF-8", shown(path));
    }
    // Some PDFs are text to their last byte, but not text that says what they show.
    if (seen_ == 0 && bytes.starts_with("%PDF-")) {
      fail(ErrorKind::kBadInput, "{} is a PDF: convert it to text first, e.g. with pdftotext",
           shown(path));
    }
    if (const std::size_t nul = bytes.find('\0'); nul != std::string_view::npos) {
      fail(ErrorKind::kBadInput, "{} is not text: it has a NUL byte at offset {}; {}", shown(path),
           seen_ + nul, kHowToConvert);
    }
    for (const char byte : bytes) {
      const auto code = static_cast<unsigned char>(byte);
      const bool ordinary =
          code >= 0x20 || (code >= '\t' && code <= '\r') || code == 0x1B || code == '\b';
      if (!ordinary) ++control_;
    }
    seen_ += bytes.size();
    if (seen_ == kSniffBytes) decide(path);
  }

  void end(const std::string& path) {
    if (seen_ < kSniffBytes) decide(path);
    seen_ = kSniffBytes;
  }

  bool done() const { return seen_ >= kSniffBytes; }

 private:
  void decide(const std::string& path) const {
    // One in sixteen; a handful is let pass in short texts.
    if (control_ <= 4 || control_ * 16 <= seen_) return;
    fail(ErrorKind::kBadInput,
         "{} is not text: {} of its first {} bytes are control characters; {}", shown(path),
         control_, seen_, kHowToConvert);
  }

  std::size_t seen_ = 0;
  std::size_t control_ = 0;
};

// One open file.
class OpenFile {
 public:
  // `expected_bytes`: of a regular file when the source was made; -1 for anything else.
  OpenFile(std::string path, std::int64_t expected_bytes)
      : path_(std::move(path)), is_input_(path_ == "-") {
    descriptor_ = is_input_ ? STDIN_FILENO : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    // Opening a pipe waits for somebody to write into it.
    if (descriptor_ < 0 && errno == EINTR) interrupted();
    if (descriptor_ < 0) cannot_read();
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0) cannot_read();
    if (S_ISDIR(info.st_mode)) fail(ErrorKind::kBadInput, "{} is a directory", shown(path_));
    if (!S_ISREG(info.st_mode) || expected_bytes < 0) return;
    // Files of /proc are regular, say they are empty, and are read to their end.
    if (expected_bytes == 0 && info.st_size == 0) return;
    left_ = size_ = expected_bytes;
  }
  ~OpenFile() {
    if (!is_input_ && descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Bytes read, 0 at the end.
  std::size_t read(std::span<char> buffer) {
    if (!started_) start();
    if (buffer.empty()) return 0;
    if (!head_.empty()) {
      const std::size_t bytes = std::min(buffer.size(), head_.size() - head_taken_);
      std::memcpy(buffer.data(), head_.data() + head_taken_, bytes);
      head_taken_ += bytes;
      if (head_taken_ == head_.size()) head_ = {};
      return bytes;
    }
    return read_raw(buffer);
  }

  // Bytes of the file taken from the system so far.
  std::int64_t raw_bytes() const { return raw_bytes_; }

 private:
  // Reads the head: of a regular file as much as the check for binary looks at, so that nothing of
  // a binary file is handed out; of a pipe no more than it takes to see a byte order mark.
  void start() {
    started_ = true;
    const std::size_t wanted = size_ >= 0 ? kSniffBytes : kByteOrderMark.size();
    std::string head(kSniffBytes, '\0');
    std::size_t filled = 0;
    while (filled < wanted) {
      const std::size_t bytes = read_raw({head.data() + filled, head.size() - filled});
      if (bytes == 0) break;
      filled += bytes;
    }
    head.resize(filled);
    if (head.starts_with(kByteOrderMark)) head_taken_ = kByteOrderMark.size();
    if (head_taken_ < head.size()) head_ = std::move(head);
  }

  std::size_t read_raw(std::span<char> buffer) {
    if (left_ && static_cast<std::uint64_t>(*left_) < buffer.size()) {
      buffer = buffer.first(static_cast<std::size_t>(*left_));
    }
    if (buffer.empty() || ended_) return finish();
    const ssize_t bytes = ::read(descriptor_, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) interrupted();
    if (bytes < 0) cannot_read();
    if (bytes == 0) {
      if (left_) {
        fail(ErrorKind::kBadInput,
             "{} became shorter while it was read ({} bytes are missing of {}); read it again when "
             "it no longer changes",
             shown(path_), *left_, size_);
      }
      return finish();
    }
    if (left_) *left_ -= bytes;
    raw_bytes_ += bytes;
    const auto count = static_cast<std::size_t>(bytes);
    if (!check_.done()) check_.look({buffer.data(), count}, path_);
    return count;
  }

  std::size_t finish() {
    ended_ = true;
    check_.end(path_);
    return 0;
  }

  // Only a handler installed to interrupt blocking calls lets this happen.
  [[noreturn]] void interrupted() const {
    fail(ErrorKind::kInterrupted, "interrupted while reading {}", shown(path_));
  }

  [[noreturn]] void cannot_read() const {
    const int reason = errno;
    fail(ErrorKind::kBadInput, "cannot read {}: {}", shown(path_), std::strerror(reason));
  }

  std::string path_;
  bool is_input_;
  int descriptor_ = -1;
  std::int64_t size_ = -1;            // -1: not known
  std::optional<std::int64_t> left_;  // still to read, where the size is known
  bool started_ = false;
  bool ended_ = false;
  std::string head_;
  std::size_t head_taken_ = 0;
  std::int64_t raw_bytes_ = 0;
  BinaryCheck check_;
};

class FileSource final : public DocumentSource {
 public:
  explicit FileSource(std::vector<std::string> paths) : paths_(std::move(paths)) {
    if (paths_.empty()) fail(ErrorKind::kUsage, "no files to read");
    std::int64_t total = 0;
    int inputs = 0;
    for (const std::string& path : paths_) {
      const std::int64_t bytes = check(path);
      sizes_.push_back(bytes);
      if (path == "-") ++inputs;
      total = total < 0 || bytes < 0 ? -1 : total + bytes;
    }
    if (inputs > 1) fail(ErrorKind::kUsage, "standard input is named more than once");
    rewindable_ = total >= 0;
    if (rewindable_ && paths_.size() > 1) {
      for (std::size_t i = 0; i < paths_.size(); ++i) {
        total += static_cast<std::int64_t>(heading(i).size());
      }
    }
    total_ = total;
  }

  std::size_t read(std::span<char> buffer) override {
    while (!buffer.empty() && index_ < paths_.size()) {
      if (!file_) {
        file_.emplace(paths_[index_], sizes_[index_]);
        if (paths_.size() > 1) heading_ = heading(index_);
      }
      if (!heading_.empty()) {
        const std::size_t bytes = std::min(buffer.size(), heading_.size());
        std::memcpy(buffer.data(), heading_.data(), bytes);
        heading_.erase(0, bytes);
        return bytes;
      }
      if (const std::size_t bytes = file_->read(buffer); bytes > 0) return bytes;
      file_.reset();
      ++index_;
    }
    return 0;
  }

  bool rewindable() const override { return rewindable_; }
  void rewind() override {
    if (!rewindable_) fail(ErrorKind::kUsage, "{} can be read only once", name());
    file_.reset();
    heading_.clear();
    index_ = 0;
  }
  std::int64_t total_bytes() const override { return total_; }
  std::string name() const override {
    if (paths_.size() > 1) return fmt::format("{} files", paths_.size());
    return paths_.front() == "-" ? "standard input" : paths_.front();
  }

 private:
  // Bytes of a regular file, -1 for what can be read only once.
  static std::int64_t check(const std::string& path) {
    struct stat info {};
    const int result = path == "-" ? ::fstat(STDIN_FILENO, &info) : ::stat(path.c_str(), &info);
    if (result != 0 || (path != "-" && ::access(path.c_str(), R_OK) != 0)) {
      const int reason = errno;
      fail(ErrorKind::kBadInput, "cannot read {}: {}", shown(path), std::strerror(reason));
    }
    if (S_ISDIR(info.st_mode)) {
      fail(ErrorKind::kBadInput, "{} is a directory; name the files in it", shown(path));
    }
    if (path == "-" || !S_ISREG(info.st_mode)) return -1;
    return static_cast<std::int64_t>(info.st_size);
  }

  std::string heading(std::size_t index) const {
    const std::string& path = paths_[index];
    return heading_line(path == "-" ? "standard input" : path, index > 0);
  }

  std::vector<std::string> paths_;
  std::vector<std::int64_t> sizes_;
  std::int64_t total_ = -1;
  bool rewindable_ = false;
  std::size_t index_ = 0;
  std::optional<OpenFile> file_;
  std::string heading_;
};

}  // namespace

std::unique_ptr<DocumentSource> file_source(std::vector<std::string> paths) {
  return std::make_unique<FileSource>(std::move(paths));
}

}  // namespace memagent
