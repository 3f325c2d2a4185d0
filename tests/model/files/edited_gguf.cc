#include "model/files/edited_gguf.h"

#include "base/mapped_file.h"

namespace memagent {

void write_edited_gguf(const std::string& from, const std::string& to, const GgufEdit& edit) {
  const MappedFile file(from);
  const Gguf gguf = parse_gguf(file.bytes(), from);
  GgufWriter writer(to);
  for (const GgufEntry& entry : gguf.metadata) {
    if (!edit.without_keys.contains(std::string(entry.key))) writer.copy(entry);
  }
  if (edit.add) edit.add(writer);
  std::vector<std::vector<std::byte>> data;
  const auto add_zeros = [&](const std::string& name, TensorType type,
                             const std::vector<std::int64_t>& shape) {
    writer.add_tensor(name, type, shape);
    data.emplace_back(static_cast<std::size_t>(tensor_bytes(type, shape)));
  };
  for (const TensorView& tensor : gguf.tensors) {
    if (edit.without_tensors.contains(tensor.name)) continue;
    const auto reshaped = edit.shapes.find(tensor.name);
    if (reshaped != edit.shapes.end()) {
      add_zeros(tensor.name, tensor.type, reshaped->second);
      continue;
    }
    writer.add_tensor(tensor.name, tensor.type, tensor.shape);
    data.emplace_back(tensor.data.begin(), tensor.data.end());
  }
  for (const auto& [name, shape] : edit.new_tensors) add_zeros(name, TensorType::kF32, shape);
  writer.begin();
  for (const auto& bytes : data) writer.write(bytes);
  writer.finish();
}

}  // namespace memagent
