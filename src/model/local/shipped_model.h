// The model that comes with the program, and model files' bytes wherever they are.
//
// The shipped model (models/nano, with its model card) is a GGUF file inside the program itself, so
// that the program works from any place. It is named like a path: "builtin:nano".
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/mapped_file.h"

namespace memagent {

inline constexpr const char* kShippedModel = "builtin:nano";
inline bool is_shipped_model(const std::string& path) { return path == kShippedModel; }
// The bytes of its GGUF file, as long as the program runs.
std::span<const std::byte> shipped_model();

// The bytes of a GGUF file on disk, or of the shipped model. Throws as MappedFile does.
class ModelBytes {
 public:
  explicit ModelBytes(const std::string& path);
  std::span<const std::byte> bytes() const { return file_ ? file_->bytes() : shipped_model(); }

 private:
  std::optional<MappedFile> file_;
};

}  // namespace memagent
