// What `memagent model init|info|convert|quantize|mix|note` do, as functions.
//
// None prints or knows flags. Files are written whole or not at all. Wrong requests throw
// Error(kUsage), wrong files Error(kBadInput), disks that do not take the file Error(kStorage).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/local/model_file.h"

namespace memagent {

// A shape that can be asked for by name.
struct NamedShape {
  std::string name;     // "nano", "qwen2-0.5b", ...
  std::string meaning;  // one line
  ModelConfig config;
};
const std::vector<NamedShape>& named_shapes();
// Throws Error(kUsage) with the names there are.
const NamedShape& named_shape(const std::string& name);

struct InitOptions {
  TensorType type = TensorType::kF32;  // of the matrices; norms and biases are F32
  std::uint64_t seed = 0;
  std::string name = "random";  // general.name
};
// Writes a GGUF file with random weights, a byte-level vocabulary of config.vocab_size tokens with
// ChatML's special tokens, and a ChatML template. The same arguments give the same bytes.
// config.rope_factors and rotary_pairs are set as GGUF wants them for the architecture.
void init_model(const ModelConfig& config, const InitOptions& options, const std::string& path);

// Totals of what was written, for a closing line.
struct WrittenModel {
  std::int64_t tensors = 0;
  std::int64_t parameters = 0;
  std::int64_t file_bytes = 0;  // of all files of a folder
  // Matrices whose rows are not whole blocks of the type asked for, which became F16.
  std::int64_t kept = 0;
  bool has_vocabulary = false;
};

// A GGUF file into a safetensors folder (config.json, model.safetensors, tokenizer.json,
// tokenizer_config.json), or such a folder into a GGUF file, told apart by what `from` is.
// Matrices keep their type where the target has it; quantised ones become F16 in a folder unless
// `type` says otherwise.
// Notes go along. Throws Error(kUsage) for a folder that holds another model's files.
WrittenModel convert_model(const std::string& from, const std::string& to,
                           std::optional<TensorType> type = std::nullopt);
// A GGUF file with its matrices in another type. Vectors stay as they are, and so does a matrix
// whose rows are not whole blocks of `type` (it becomes F16 then; counted in `kept`). Throws
// Error(kBadInput) for weights that the type cannot hold.
WrittenModel quantize_model(const std::string& from, const std::string& to, TensorType type);

// A GGUF file with a mean of two others' weights: `share` of those of `with`, the rest of `from`'s.
// Weights before and after a further training, mixed, keep more of what was known before (WiSE-FT,
// arXiv 2109.01903). Types and metadata are those of `with`. Throws Error(kUsage) for files that do
// not have the same tensors.
WrittenModel mix_models(const std::string& from, const std::string& with, double share,
                        const std::string& to);

// How a model was trained to be used: texts that its GGUF file holds as metadata, "memagent."
// before the key. `prompts` is the TOML of its wording; the others are named as the settings of a
// reading
// ("section_tokens").
using ModelNotes = std::map<std::string, std::string>;
// Empty for files of others.
ModelNotes model_notes(const std::string& path);
// A GGUF file with `notes` in place of its own of the same keys. All else stays as it is.
WrittenModel note_model(const std::string& from, const std::string& to, const ModelNotes& notes);

// Any open model into a GGUF file with matrices of `type`.
WrittenModel write_gguf_model(const ModelFile& model, TensorType type, const ModelNotes& notes,
                              const std::string& to);

struct ModelInfo {
  std::string path;
  std::string name;
  std::string format;  // "GGUF version 3", "safetensors, 2 files"
  ModelConfig config;
  std::int64_t parameters = 0;
  std::int64_t tensor_bytes = 0;
  std::int64_t file_bytes = 0;
  std::vector<std::pair<TensorType, std::int64_t>> types;  // and how many tensors have each
  bool has_vocabulary = false;
  bool has_chat_template = false;
  ModelNotes notes;
  // Bytes of keys and values per token of context, at 2 bytes an element.
  std::int64_t kv_bytes_per_token = 0;
};
ModelInfo model_info(const std::string& path);
// "key: value" lines for a person.
std::string model_info_text(const ModelInfo& info);

}  // namespace memagent
