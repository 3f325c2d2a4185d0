// Sources of text that is in memory: one text, or a list of titled ones.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "document/heading.h"
#include "memagent/document.h"

namespace memagent {
namespace {

// Parts read one after another; only the parts' own text is held, never a joined copy.
class MemorySource final : public DocumentSource {
 public:
  MemorySource(std::vector<std::string> parts, std::string name)
      : parts_(std::move(parts)), name_(std::move(name)) {
    for (const std::string& part : parts_) total_ += static_cast<std::int64_t>(part.size());
  }

  std::size_t read(std::span<char> buffer) override {
    std::size_t filled = 0;
    while (filled < buffer.size() && part_ < parts_.size()) {
      const std::string& part = parts_[part_];
      const std::size_t bytes = std::min(buffer.size() - filled, part.size() - offset_);
      std::memcpy(buffer.data() + filled, part.data() + offset_, bytes);
      filled += bytes;
      offset_ += bytes;
      if (offset_ == part.size()) {
        ++part_;
        offset_ = 0;
      }
    }
    return filled;
  }
  bool rewindable() const override { return true; }
  void rewind() override { part_ = offset_ = 0; }
  std::int64_t total_bytes() const override { return total_; }
  std::string name() const override { return name_; }

 private:
  std::vector<std::string> parts_;
  std::string name_;
  std::int64_t total_ = 0;
  std::size_t part_ = 0;
  std::size_t offset_ = 0;  // in the part
};

}  // namespace

std::string heading_line(std::string_view title, bool separate) {
  std::string line = separate ? "\n\n# " : "# ";
  for (const char byte : title) {
    const auto code = static_cast<unsigned char>(byte);
    line += code < 0x20 || code == 0x7F ? ' ' : byte;
  }
  return line + "\n\n";
}

std::unique_ptr<DocumentSource> text_source(std::string text, std::string name) {
  std::vector<std::string> parts;
  parts.push_back(std::move(text));
  return std::make_unique<MemorySource>(std::move(parts), std::move(name));
}

std::unique_ptr<DocumentSource> list_source(std::vector<TitledText> documents) {
  std::vector<std::string> parts;
  for (TitledText& document : documents) {
    if (!document.title.empty()) {
      parts.push_back(heading_line(document.title, !parts.empty()));
    } else if (!parts.empty()) {
      parts.emplace_back("\n\n");
    }
    parts.push_back(std::move(document.text));
  }
  std::string name =
      documents.size() == 1 ? "1 document" : fmt::format("{} documents", documents.size());
  return std::make_unique<MemorySource>(std::move(parts), std::move(name));
}

}  // namespace memagent
