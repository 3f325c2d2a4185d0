// Whether a model on disk is the one it was, without reading all of it.
#pragma once

#include <cstdint>
#include <string>

namespace memagent {

// Of size and samples throughout of a GGUF file, of the shipped model, or of the weights and JSON
// files of a folder. Another training changes every tensor, so that samples tell. Throws as
// MappedFile does.
std::uint64_t model_contents_hash(const std::string& path);

}  // namespace memagent
