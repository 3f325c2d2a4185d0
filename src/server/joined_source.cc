#include "server/joined_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "document/heading.h"

namespace memagent {
namespace {

class JoinedSource : public DocumentSource {
 public:
  JoinedSource(std::vector<TitledSource> parts, std::string name)
      : parts_(std::move(parts)), name_(std::move(name)) {
    begin_part();
  }

  std::size_t read(std::span<char> buffer) override {
    while (at_ < parts_.size()) {
      if (!heading_.empty()) {
        const std::size_t count = std::min(buffer.size(), heading_.size());
        std::memcpy(buffer.data(), heading_.data(), count);
        heading_.erase(0, count);
        return count;
      }
      const std::size_t count = parts_[at_].source->read(buffer);
      if (count > 0) return count;
      ++at_;
      begin_part();
    }
    return 0;
  }

  bool rewindable() const override {
    return std::all_of(parts_.begin(), parts_.end(),
                       [](const TitledSource& part) { return part.source->rewindable(); });
  }

  void rewind() override {
    for (const TitledSource& part : parts_) part.source->rewind();
    at_ = 0;
    begin_part();
  }

  std::int64_t total_bytes() const override {
    std::int64_t total = 0;
    for (const TitledSource& part : parts_) {
      const std::int64_t bytes = part.source->total_bytes();
      if (bytes < 0) return -1;
      total += bytes;
    }
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      total += static_cast<std::int64_t>(heading_of(i).size());
    }
    return total;
  }

  std::string name() const override { return name_; }

 private:
  std::string heading_of(std::size_t part) const {
    return parts_.size() < 2 ? "" : heading_line(parts_[part].title, part > 0);
  }
  void begin_part() { heading_ = at_ < parts_.size() ? heading_of(at_) : ""; }

  std::vector<TitledSource> parts_;
  std::string name_;
  std::size_t at_ = 0;
  std::string heading_;  // of part at_, as far as it has not been read
};

}  // namespace

std::unique_ptr<DocumentSource> joined_source(std::vector<TitledSource> parts, std::string name) {
  return std::make_unique<JoinedSource>(std::move(parts), std::move(name));
}

}  // namespace memagent
