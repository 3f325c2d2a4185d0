// Which tensors a configuration promises, and which configurations make sense at all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "model/local/model_file.h"

namespace memagent {

struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first
};

// All tensors of a model in the order files are written.
std::vector<TensorSpec> model_tensors(const ModelConfig& config);

// Throws Error(kBadInput), `path` first, if the numbers are out of range or contradict each other.
void check_config(const ModelConfig& config, const std::string& path);

// What a container's reader has found, before it is checked as a whole.
struct ModelParts {
  std::string path;
  std::string name;
  ModelConfig config;
  std::map<std::string, TensorView> tensors;  // by GGUF name
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string chat_template;
  std::vector<std::shared_ptr<const MappedFile>> files;               // keep the tensors alive
  std::vector<std::shared_ptr<const std::vector<std::byte>>> copies;  // likewise
};
// Checks the tensors against the configuration: all there, none too many, every shape right.
std::unique_ptr<ModelFile> make_model_file(ModelParts parts);

// `bytes` is a whole GGUF file and outlives the result; `path` is for messages.
ModelParts read_gguf_model(std::span<const std::byte> bytes, const std::string& path);
std::unique_ptr<ModelFile> open_gguf_model(const std::string& path);
std::unique_ptr<ModelFile> open_safetensors_model(const std::string& folder);

}  // namespace memagent
