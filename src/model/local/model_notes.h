// Notes on how a model is used, in the metadata of its GGUF file, or of the model.safetensors of a
// folder (ModelNotes in model_tools.h).
#pragma once

#include "format/gguf.h"
#include "model/local/model_tools.h"

namespace memagent {

inline constexpr const char* kNotePrefix = "memagent.";  // of their keys

ModelNotes notes_of(const Gguf& gguf);

}  // namespace memagent
