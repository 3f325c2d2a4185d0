#include "server/hidden_source.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/fail.h"

namespace memagent {
namespace {

class HiddenFileSource : public DocumentSource {
 public:
  HiddenFileSource(std::vector<std::string> paths, std::string shown, std::string name)
      : paths_(std::move(paths)), shown_(std::move(shown)), name_(std::move(name)) {
    source_ = guarded([&] { return file_source(paths_); });
  }
  std::size_t read(std::span<char> buffer) override {
    return guarded([&] { return source_->read(buffer); });
  }
  bool rewindable() const override { return source_->rewindable(); }
  void rewind() override {
    guarded([&] { source_->rewind(); });
  }
  std::int64_t total_bytes() const override { return source_->total_bytes(); }
  std::string name() const override { return name_; }

 private:
  template <typename Call>
  auto guarded(const Call& call) -> decltype(call()) {
    try {
      return call();
    } catch (const Error& error) {
      fail(error.kind(), "{}: {}", shown_, without_paths(error.what()));
    }
  }

  // "'/path/of/it' is not text: ..." becomes "is not text: ...".
  std::string without_paths(std::string what) const {
    for (const std::string& path : paths_) {
      for (const std::string& told : {"'" + path + "' ", "'" + path + "'", path}) {
        std::size_t at = 0;
        while ((at = what.find(told, at)) != std::string::npos) {
          const std::string_view other = at == 0 ? "" : told.ends_with(' ') ? "it " : "it";
          what.replace(at, told.size(), other);
          at += other.size();
        }
      }
    }
    return what;
  }

  std::vector<std::string> paths_;
  std::string shown_;
  std::string name_;
  std::unique_ptr<DocumentSource> source_;
};

}  // namespace

std::unique_ptr<DocumentSource> hidden_file_source(const std::vector<std::string>& paths,
                                                   const std::string& shown,
                                                   const std::string& name) {
  return std::make_unique<HiddenFileSource>(paths, shown, name);
}

}  // namespace memagent
