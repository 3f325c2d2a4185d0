// GGUF files with their matrices in another type. Works on the container, so that every key and
// tensor it does not understand is kept.
#include "base/fail.h"
#include "format/gguf.h"
#include "model/local/gguf_model_writer.h"
#include "model/local/model_rows.h"
#include "model/local/model_tools.h"
#include "model/local/shipped_model.h"
#include "text/gguf_vocabulary.h"

namespace memagent {

WrittenModel quantize_model(const std::string& from, const std::string& to, TensorType type) {
  refuse_same_file(from, to);
  refuse_folder(from, "convert it to GGUF with that type instead");
  open_model_file(from);  // only a model that could be run is worth re-typing
  const ModelBytes file(from);
  const Gguf gguf = parse_gguf(file.bytes(), from);
  GgufWriter writer(to);
  for (const GgufEntry& entry : gguf.metadata) {
    if (entry.key == kFileTypeKey) {
      writer.set_u32(kFileTypeKey, gguf_file_type(type));
    } else if (entry.key == kLayoutVersionKey) {
      writer.set_u32(kLayoutVersionKey, kGgufLayoutVersion);
    } else {
      writer.copy(entry);
    }
  }
  for (const char* key : {kFileTypeKey, kLayoutVersionKey}) {
    if (gguf.find(key) != nullptr) continue;
    writer.set_u32(key, key == kFileTypeKey ? gguf_file_type(type) : kGgufLayoutVersion);
  }
  std::vector<TensorType> types;
  std::int64_t kept = 0;
  for (const TensorView& tensor : gguf.tensors) {
    types.push_back(is_matrix(tensor) ? gguf_type(tensor, type, kept) : tensor.type);
    writer.add_tensor(tensor.name, types.back(), tensor.shape);
  }
  writer.begin();
  WrittenModel out = write_tensors(gguf.tensors, types, {}, from, writer);
  out.kept = kept;
  out.has_vocabulary = has_vocabulary(gguf);
  return out;
}

}  // namespace memagent
