#include "cli/ask_document.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/fail.h"
#include "text/utf8.h"

namespace memagent {
namespace {

using nlohmann::json;

// A line is one document and is held whole.
constexpr std::size_t kMostLineBytes = std::size_t{256} << 20;

// Lines come from the sources that read documents, which know about pipes, files that shrink, byte
// order marks and signals.
class JsonLinesSource : public DocumentSource {
 public:
  explicit JsonLinesSource(std::vector<std::string> paths) : paths_(std::move(paths)) {
    for (const std::string& path : paths_) {
      files_.push_back(file_source({path}));
      const std::int64_t bytes = files_.back()->total_bytes();
      total_bytes_ = total_bytes_ < 0 || bytes < 0 ? -1 : total_bytes_ + bytes;
      rewindable_ = rewindable_ && files_.back()->rewindable();
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
    for (const auto& file : files_) file->rewind();
    record_.reset();
    block_taken_ = block_.size();
    file_ = 0;
    line_ = 0;
    records_ = 0;
    repaired_ = 0;
  }

  // Of the files: escapes and field names make it a little more than what read() delivers.
  std::int64_t total_bytes() const override { return total_bytes_; }

  std::string name() const override {
    return paths_.size() == 1 ? paths_[0] : fmt::format("{} files", paths_.size());
  }

  std::int64_t repaired_sequences() const override { return repaired_; }

 private:
  bool next_record() {
    std::string text;
    while (true) {
      if (file_ == files_.size()) return false;
      if (!next_line(text)) {
        ++file_;
        line_ = 0;
        continue;
      }
      ++line_;
      if (text.find_first_not_of(" \t\r") != std::string::npos) break;
    }
    const auto bad = [&](const std::string& what) {
      fail(ErrorKind::kBadInput,
           "--documents: {}:{}: {}: each line is an object with \"text\" and perhaps \"title\"",
           paths_[file_], line_, what);
    };
    json record;
    try {
      record = json::parse(repaired(text));
    } catch (const json::exception&) {
      bad("is not JSON");
    }
    if (!record.is_object()) bad("is not an object");
    if (!record.contains("text") || !record["text"].is_string()) bad("has no \"text\" string");
    if (record.contains("title") && !record["title"].is_string()) bad("\"title\" is no string");
    // An empty document before all but the first, so that what separates documents separates these.
    std::vector<TitledText> documents(records_++ == 0 ? 0 : 1);
    documents.push_back({record.value("title", ""), record["text"].get<std::string>()});
    record_ = list_source(std::move(documents));
    return true;
  }

  // As documents that are files are.
  std::string repaired(std::string_view line) {
    std::string text;
    Utf8Repair repair;
    repair.feed(line, text);
    repair.finish(text);
    repaired_ += repair.repaired();
    return text;
  }

  // As std::getline, but a line without end does not fill the memory.
  bool next_line(std::string& text) {
    text.clear();
    while (true) {
      if (block_taken_ == block_.size()) {
        block_.resize(kBlockBytes);
        block_taken_ = 0;
        block_.resize(files_[file_]->read(block_));
        if (block_.empty()) return !text.empty();
      }
      const auto begin = block_.begin() + static_cast<std::ptrdiff_t>(block_taken_);
      const auto end = std::find(begin, block_.end(), '\n');
      text.append(begin, end);
      if (text.size() > kMostLineBytes) {
        fail(ErrorKind::kBadInput,
             "--documents: {}:{}: a line of more than {} bytes: cut the document into several",
             paths_[file_], line_ + 1, kMostLineBytes);
      }
      block_taken_ = static_cast<std::size_t>(end - block_.begin());
      if (end != block_.end()) {
        ++block_taken_;
        return true;
      }
    }
  }

  static constexpr std::size_t kBlockBytes = std::size_t{1} << 16;

  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<DocumentSource>> files_;  // one per path, opened when it is read
  std::size_t file_ = 0;                                // of files_, the one being read
  std::int64_t line_ = 0;                               // lines read of it
  std::int64_t records_ = 0;                            // read of all files
  std::int64_t repaired_ = 0;                           // invalid sequences of their lines
  std::vector<char> block_;
  std::size_t block_taken_ = 0;
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
  std::vector<std::string> files = choice.lists.empty() ? choice.files : choice.lists;
  if (files.empty()) files.emplace_back("-");
  for (const std::string& file : files) {
    if (file == "-" && ::isatty(STDIN_FILENO) != 0) {
      fail(ErrorKind::kUsage, "no document: name a file, or pipe the text into standard input");
    }
  }
  std::unique_ptr<DocumentSource> source =
      choice.lists.empty() ? file_source(std::move(files)) : json_lines_source(std::move(files));
  if (read_twice && !source->rewindable()) source = spooled_source(std::move(source));
  return source;
}

}  // namespace memagent
