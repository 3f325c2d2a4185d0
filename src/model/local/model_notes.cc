// Works on the container, as quantizing does.
#include "model/local/model_notes.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/mapped_file.h"
#include "format/gguf_writer.h"
#include "format/safetensors.h"
#include "model/local/model_rows.h"
#include "model/local/shipped_model.h"
#include "text/gguf_vocabulary.h"

namespace memagent {
namespace {

// Without the prefix; nothing for keys of others.
std::optional<std::string> note_key(const GgufEntry& entry) {
  if (!entry.key.starts_with(kNotePrefix)) return std::nullopt;
  return std::string(entry.key.substr(std::string_view(kNotePrefix).size()));
}

}  // namespace

ModelNotes notes_of(const Gguf& gguf) {
  ModelNotes notes;
  for (const GgufEntry& entry : gguf.metadata) {
    const auto key = note_key(entry);
    const auto text = entry.value.string();
    if (key && text) notes.emplace(*key, *text);
  }
  return notes;
}

ModelNotes model_notes(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const std::string weights = (std::filesystem::path(path) / "model.safetensors").string();
    if (!std::filesystem::exists(weights, error)) return {};
    const MappedFile file(weights);
    ModelNotes notes;
    for (const auto& [key, text] : parse_safetensors(file.bytes(), weights).metadata) {
      if (!key.starts_with(kNotePrefix)) continue;
      notes.emplace(key.substr(std::string_view(kNotePrefix).size()), text);
    }
    return notes;
  }
  const ModelBytes file(path);
  return notes_of(parse_gguf(file.bytes(), path));
}

WrittenModel note_model(const std::string& from, const std::string& to, const ModelNotes& notes) {
  refuse_same_file(from, to);
  refuse_folder(from, "convert it to GGUF first");
  open_model_file(from);  // only a model that could be run is worth a note
  const ModelBytes file(from);
  const Gguf gguf = parse_gguf(file.bytes(), from);
  GgufWriter writer(to);
  for (const GgufEntry& entry : gguf.metadata) {
    const auto key = note_key(entry);
    if (!key || !notes.contains(*key)) writer.copy(entry);
  }
  for (const auto& [key, text] : notes) writer.set_string(kNotePrefix + key, text);
  std::vector<TensorType> types;
  for (const TensorView& tensor : gguf.tensors) {
    types.push_back(tensor.type);
    writer.add_tensor(tensor.name, tensor.type, tensor.shape);
  }
  writer.begin();
  WrittenModel out = write_tensors(gguf.tensors, types, {}, from, writer);
  out.has_vocabulary = has_vocabulary(gguf);
  return out;
}

}  // namespace memagent
