// The mean of two GGUF files' weights. Works on the container, as quantizing does.
#include <vector>

#include "base/fail.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "format/quant.h"
#include "model/local/model_rows.h"
#include "model/local/model_tools.h"
#include "model/local/shipped_model.h"
#include "text/gguf_vocabulary.h"

namespace memagent {
namespace {

// Rows of both at once.
class MixedRows {
 public:
  MixedRows(const TensorView& from, const std::string& from_path, const TensorView& with,
            const std::string& with_path, double share)
      : from_(from, TensorType::kF32, {}, from_path),
        with_(with, TensorType::kF32, {}, with_path),
        path_(with_path),
        name_(with.name),
        type_(with.type),
        share_(share),
        values_(static_cast<std::size_t>(with.shape.back())),
        packed_(
            static_cast<std::size_t>(tensor_bytes(with.type, std::span(&with.shape.back(), 1)))) {}
  std::int64_t rows() const { return with_.rows(); }
  std::span<const std::byte> row(std::int64_t index) {
    const auto a = as_floats(from_.row(index));
    const auto b = as_floats(with_.row(index));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<float>((1 - share_) * double{a[i]} + share_ * double{b[i]});
    }
    refuse_unrepresentable(values_, type_, path_, name_, index);
    quantize_row(type_, values_, packed_);
    return packed_;
  }

 private:
  static std::span<const float> as_floats(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }

  RowReader from_;
  RowReader with_;
  std::string path_;
  std::string name_;
  TensorType type_;
  double share_;
  std::vector<float> values_;
  std::vector<std::byte> packed_;
};

const TensorView& same_tensor(const Gguf& gguf, const TensorView& wanted, const std::string& path,
                              const std::string& wanted_path) {
  for (const TensorView& tensor : gguf.tensors) {
    if (tensor.name == wanted.name && tensor.shape == wanted.shape) return tensor;
  }
  fail(ErrorKind::kUsage,
       "'{}' has no tensor '{}' of the shape that '{}' has: only models of one shape can be mixed",
       path, wanted.name, wanted_path);
}

}  // namespace

WrittenModel mix_models(const std::string& from, const std::string& with, double share,
                        const std::string& to) {
  if (!(share >= 0 && share <= 1)) fail(ErrorKind::kUsage, "share {}: choose from 0 to 1", share);
  for (const std::string& path : {from, with}) {
    refuse_same_file(path, to);
    refuse_folder(path, "convert it to GGUF first");
    open_model_file(path);  // only models that could be run are worth mixing
  }
  const ModelBytes from_file(from);
  const ModelBytes with_file(with);
  const Gguf before = parse_gguf(from_file.bytes(), from);
  const Gguf after = parse_gguf(with_file.bytes(), with);
  if (before.tensors.size() != after.tensors.size()) {
    fail(ErrorKind::kUsage,
         "'{}' has {} tensors and '{}' {}: only models of one shape can be mixed", from,
         before.tensors.size(), with, after.tensors.size());
  }
  GgufWriter writer(to);
  for (const GgufEntry& entry : after.metadata) writer.copy(entry);
  std::vector<const TensorView*> others;  // `from`'s, in the order of `with`'s
  for (const TensorView& tensor : after.tensors) {
    others.push_back(&same_tensor(before, tensor, from, with));
    writer.add_tensor(tensor.name, tensor.type, tensor.shape);
  }
  writer.begin();
  WrittenModel out;
  for (const TensorView& tensor : after.tensors) {
    const TensorView& other = *others[static_cast<std::size_t>(out.tensors)];
    write_rows(tensor, MixedRows(other, from, tensor, with, share), writer, out);
  }
  writer.finish();
  out.file_bytes = static_cast<std::int64_t>(writer.file_bytes());
  out.has_vocabulary = has_vocabulary(after);
  return out;
}

}  // namespace memagent
