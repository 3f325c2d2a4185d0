// GGUF files into Hugging Face folders and back, row by row.
#include <filesystem>
#include <string_view>

#include "base/fail.h"
#include "format/gguf.h"
#include "format/safetensors.h"
#include "model/local/gguf_model_writer.h"
#include "model/local/model_notes.h"
#include "model/local/model_rows.h"
#include "model/local/model_tools.h"
#include "model/local/safetensors_names.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

WrittenModel write_gguf(const ModelFile& model, std::span<const TensorType> types,
                        TensorType main_type, const ModelNotes& notes, const std::string& from,
                        const std::string& to) {
  GgufModelHead head;
  head.config = model.config();
  head.name = model.name();
  head.chat_template = model.chat_template();
  head.main_type = main_type;
  head.notes = notes;
  const auto tokenizer = model.tokenizer();
  Vocabulary vocabulary;
  if (tokenizer != nullptr) {
    const Vocabulary* original = vocabulary_of(*tokenizer);
    if (original == nullptr) {
      fail(ErrorKind::kBadInput, "'{}': its tokenizer cannot be written to a GGUF file", from);
    }
    vocabulary = *original;
    pad_vocabulary(vocabulary, head.config.vocab_size);
    head.vocabulary = &vocabulary;
  }
  const RotaryPairs pairs = head.config.architecture == Architecture::kLlama
                                ? RotaryPairs::kAdjacent
                                : RotaryPairs::kHalves;
  GgufWriter writer(to);
  begin_gguf_model(head, types, writer);
  const PairOrder order{head.config.rotary_pairs, pairs, head.config.head_dim};
  WrittenModel out = write_tensors(model.tensors(), types, order, from, writer);
  out.has_vocabulary = head.vocabulary != nullptr;
  return out;
}

void write_text(const std::string& path, std::string_view text, WrittenModel& out) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
  out.file_bytes += static_cast<std::int64_t>(text.size());
}

// What a folder is not written over, since it would be read with what is written, or for it.
void refuse_other_model(const std::string& folder, bool has_vocabulary) {
  std::error_code error;
  for (const char* name : {"model.safetensors.index.json", "chat_template.jinja", "tokenizer.model",
                           "tokenizer.json", "tokenizer_config.json"}) {
    const bool overwritten = has_vocabulary && std::string_view(name).starts_with("tokenizer") &&
                             std::string_view(name).ends_with(".json");
    if (overwritten || !fs::exists(fs::path(folder) / name, error)) continue;
    fail(ErrorKind::kUsage, "'{}' holds files of another model ({}): give another folder", folder,
         name);
  }
}

// A file of the folder that is read.
void refuse_file_of(const std::string& folder, const std::string& to) {
  std::error_code error;
  if (!fs::exists(to, error)) return;
  const fs::path parent = fs::path(to).parent_path();
  if (fs::equivalent(folder, parent.empty() ? fs::path(".") : parent, error)) {
    fail(ErrorKind::kUsage, "'{}' is a file of the model that is read; give another output", to);
  }
}

WrittenModel write_folder(const ModelFile& model, std::optional<TensorType> wanted,
                          const ModelNotes& notes, const std::string& from, const std::string& to) {
  const ModelConfig& config = model.config();
  const auto tokenizer = model.tokenizer();
  const Vocabulary* vocabulary = tokenizer == nullptr ? nullptr : vocabulary_of(*tokenizer);
  refuse_other_model(to, vocabulary != nullptr);
  const TensorType embedding = model.tensor("token_embd.weight").type;
  const TensorType main_type =
      wanted.value_or(block_size(embedding).elements == 1 ? embedding : TensorType::kF16);
  const std::string config_json = hugging_face_config(config, main_type, vocabulary);

  std::error_code error;
  fs::create_directories(to, error);
  if (error) fail(ErrorKind::kStorage, "cannot make the folder '{}': {}", to, error.message());
  SafetensorsWriter writer(to + "/model.safetensors");
  for (const auto& [key, text] : notes) writer.set_metadata(kNotePrefix + key, text);
  std::vector<TensorType> types;
  for (const TensorView& tensor : model.tensors()) {
    const bool fits = block_size(tensor.type).elements == 1;
    const TensorType kept = fits ? tensor.type : TensorType::kF16;
    types.push_back(is_matrix(tensor) ? wanted.value_or(kept) : kept);
    writer.add_tensor(hugging_face_name(tensor.name), types.back(), tensor.shape);
  }
  writer.begin();
  const PairOrder order{config.rotary_pairs, RotaryPairs::kHalves, config.head_dim};
  WrittenModel out = write_tensors(model.tensors(), types, order, from, writer);

  write_text(to + "/config.json", config_json, out);
  if (vocabulary != nullptr) {
    write_text(to + "/tokenizer.json", write_tokenizer_json(*vocabulary), out);
    write_text(to + "/tokenizer_config.json",
               hugging_face_tokenizer_config(*vocabulary, model.chat_template()), out);
    out.has_vocabulary = true;
  }
  return out;
}

}  // namespace

WrittenModel convert_model(const std::string& from, const std::string& to,
                           std::optional<TensorType> type) {
  refuse_same_file(from, to);
  const auto model = open_model_file(from);
  std::error_code error;
  if (!fs::is_directory(from, error)) {
    if (type && block_size(*type).elements != 1) {
      fail(ErrorKind::kUsage, "safetensors cannot hold {}; choose F32, F16 or BF16",
           to_string(*type));
    }
    return write_folder(*model, type, model_notes(from), from, to);
  }
  refuse_file_of(from, to);
  std::vector<TensorType> types;
  std::int64_t kept = 0;
  for (const TensorView& tensor : model->tensors()) {
    types.push_back(gguf_type(tensor, type.value_or(tensor.type), kept));
  }
  WrittenModel out = write_gguf(*model, types, types.front(), model_notes(from), from, to);
  out.kept = kept;
  return out;
}

WrittenModel write_gguf_model(const ModelFile& model, TensorType type, const ModelNotes& notes,
                              const std::string& to) {
  std::vector<TensorType> types;
  std::int64_t kept = 0;
  for (const TensorView& tensor : model.tensors()) {
    types.push_back(is_matrix(tensor) ? gguf_type(tensor, type, kept) : TensorType::kF32);
  }
  return write_gguf(model, types, type, notes, model.name(), to);
}

}  // namespace memagent
