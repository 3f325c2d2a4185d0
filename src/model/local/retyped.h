// An open model with its matrices in another type, in memory: for an engine that need not be exact,
// but fast.
#pragma once

#include <memory>

#include "model/local/model_file.h"

namespace memagent {

// A copy, independent of `model`. Types of single tensors are those of a GGUF file
// (gguf_type in model_rows.h). Throws Error(kBadInput) naming a tensor that has a value which is
// not finite.
std::unique_ptr<ModelFile> retyped(const ModelFile& model, TensorType type);

}  // namespace memagent
