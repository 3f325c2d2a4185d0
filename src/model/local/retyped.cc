#include "model/local/retyped.h"

#include <utility>
#include <vector>

#include "model/local/model_file_layout.h"
#include "model/local/model_rows.h"

namespace memagent {

std::unique_ptr<ModelFile> retyped(const ModelFile& model, TensorType type) {
  ModelParts parts;
  parts.path = model.name();
  parts.name = model.name();
  parts.config = model.config();
  parts.tokenizer = model.tokenizer();
  parts.chat_template = model.chat_template();
  std::int64_t kept = 0;
  for (const TensorView& tensor : model.tensors()) {
    TensorView view = tensor;
    view.type = gguf_type(tensor, type, kept);
    RowReader reader(tensor, view.type, {}, model.name());
    auto bytes = std::make_shared<std::vector<std::byte>>();
    for (std::int64_t row = 0; row < reader.rows(); ++row) {
      const auto packed = reader.row(row);
      bytes->insert(bytes->end(), packed.begin(), packed.end());
    }
    view.data = *bytes;
    parts.tensors.emplace(view.name, view);
    parts.copies.push_back(std::move(bytes));
  }
  return make_model_file(std::move(parts));
}

}  // namespace memagent
