#include "cli/ask_document.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/fail.h"

namespace memagent {
namespace {

using nlohmann::json;

// A line is one document and is held whole.
constexpr std::size_t kMostLineBytes = std::size_t{256} << 20;

class JsonLinesSource : public DocumentSource {
 public:
  explicit JsonLinesSource(std::vector<std::string> paths) : paths_(std::move(paths)) {
    for (const std::string& path : paths_) {
      std::error_code error;
      if (std::filesystem::is_directory(path, error)) {
        fail(ErrorKind::kBadInput, "--documents: {}: is a directory: name a JSON lines file", path);
      }
      std::ifstream file(path);
      if (!file) {
        fail(ErrorKind::kBadInput, "--documents: {}: cannot be read: {}: check the name", path,
             std::strerror(errno));
      }
      const std::uintmax_t size = std::filesystem::file_size(path, error);
      rewindable_ = rewindable_ && std::filesystem::is_regular_file(path, error);
      total_bytes_ += error ? 0 : static_cast<std::int64_t>(size);
    }
  }

  std::size_t read(std::span<char> buffer) override {
    while (true) {
      if (record_ != nullptr) {
        const std::size_t count = record_->read(buffer);
        if (count > 0) return count;
        record_.reset();
      }
      if (!next_record()) return 0;
    }
  }

  bool rewindable() const override { return rewindable_; }

  void rewind() override {
    record_.reset();
    file_.close();
    file_.clear();
    next_path_ = 0;
  }

  // Of the files: escapes and field names make it a little more than what read() delivers.
  std::int64_t total_bytes() const override { return rewindable_ ? total_bytes_ : -1; }

  std::string name() const override {
    return paths_.size() == 1 ? paths_[0] : fmt::format("{} files", paths_.size());
  }

 private:
  bool next_record() {
    std::string text;
    while (true) {
      if (!file_.is_open()) {
        if (next_path_ == paths_.size()) return false;
        file_.open(paths_[next_path_]);
        if (!file_) {
          fail(ErrorKind::kBadInput, "--documents: {}: cannot be read: {}: check the name",
               paths_[next_path_], std::strerror(errno));
        }
        ++next_path_;
        line_ = 0;
      }
      if (!next_line(text)) {
        file_.close();
        file_.clear();
        continue;
      }
      ++line_;
      if (text.find_first_not_of(" \t\r") != std::string::npos) break;
    }
    const auto bad = [&](const std::string& what) {
      fail(ErrorKind::kBadInput,
           "--documents: {}:{}: {}: each line is an object with \"text\" and perhaps \"title\"",
           paths_[next_path_ - 1], line_, what);
    };
    json record;
    try {
      record = json::parse(text);
    } catch (const json::exception&) {
      bad("is not JSON");
    }
    if (!record.is_object()) bad("is not an object");
    if (!record.contains("text") || !record["text"].is_string()) bad("has no \"text\" string");
    if (record.contains("title") && !record["title"].is_string()) bad("\"title\" is no string");
    record_ = list_source({{record.value("title", ""), record["text"].get<std::string>()}});
    return true;
  }

  // As std::getline, but a line without end does not fill the memory.
  bool next_line(std::string& text) {
    text.clear();
    std::streambuf* bytes = file_.rdbuf();
    constexpr int kEnd = std::char_traits<char>::eof();
    for (int c = bytes->sbumpc();; c = bytes->sbumpc()) {
      if (c == kEnd) return !text.empty();
      if (c == '\n') return true;
      text += static_cast<char>(c);
      if (text.size() > kMostLineBytes) {
        fail(ErrorKind::kBadInput,
             "--documents: {}:{}: a line of more than {} bytes: cut the document into several",
             paths_[next_path_ - 1], line_ + 1, kMostLineBytes);
      }
    }
  }

  std::vector<std::string> paths_;
  std::size_t next_path_ = 0;
  std::ifstream file_;
  std::int64_t line_ = 0;
  std::unique_ptr<DocumentSource> record_;
  bool rewindable_ = true;
  std::int64_t total_bytes_ = 0;
};

}  // namespace

std::unique_ptr<DocumentSource> json_lines_source(std::vector<std::string> paths) {
  return std::make_unique<JsonLinesSource>(std::move(paths));
}

std::unique_ptr<DocumentSource> open_document(const DocumentChoice& choice, bool read_twice) {
  if (!choice.files.empty() && !choice.lists.empty()) {
    fail(ErrorKind::kUsage, "--documents: given together with files: choose one kind");
  }
  std::unique_ptr<DocumentSource> source;
  if (!choice.lists.empty()) {
    source = json_lines_source(choice.lists);
  } else {
    std::vector<std::string> files = choice.files;
    if (files.empty()) files.emplace_back("-");
    for (const std::string& file : files) {
      if (file == "-" && ::isatty(STDIN_FILENO) != 0) {
        fail(ErrorKind::kUsage, "no document: name a file, or pipe the text into standard input");
      }
    }
    source = file_source(std::move(files));
  }
  if (read_twice && !source->rewindable()) source = spooled_source(std::move(source));
  return source;
}

}  // namespace memagent
