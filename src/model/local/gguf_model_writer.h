// Everything of a model's GGUF file that comes before the weights.
#pragma once

#include <span>
#include <string>

#include "format/gguf_writer.h"
#include "model/local/model_file.h"
#include "model/local/model_tools.h"
#include "text/vocabulary.h"

namespace memagent {

inline constexpr const char* kFileTypeKey = "general.file_type";
// llama.cpp's number for "mostly this type".
std::uint32_t gguf_file_type(TensorType type);
inline constexpr const char* kLayoutVersionKey = "general.quantization_version";
inline constexpr std::uint32_t kGgufLayoutVersion = 2;  // of the quantised types' layouts

struct GgufModelHead {
  ModelConfig config;
  std::string name;
  const Vocabulary* vocabulary = nullptr;  // null: none is written
  std::string chat_template;
  TensorType main_type = TensorType::kF32;  // what most matrices are; for general.file_type
  ModelNotes notes;
};

// Writes the metadata, declares the tensors (types: one for each of model_tensors(config)) and
// begins the data, of which the caller then writes those tensors in that order. Throws
// Error(kBadInput) for a configuration that llama.cpp's keys cannot express.
void begin_gguf_model(const GgufModelHead& head, std::span<const TensorType> types,
                      GgufWriter& writer);

}  // namespace memagent
