// Model files into other containers and types, row by row: nothing is held in memory but a row.
//
// Rotary pairs: Llama's query and key rows lie in a different order in the two containers. In
// safetensors element i of a head turns with element i + head_dim/2, in GGUF elements 2i and 2i+1
// turn together; so row i + p * head_dim/2 of a head there (p 0 or 1) is row 2i + p here.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "format/quant.h"
#include "format/safetensors.h"
#include "model/local/gguf_model_writer.h"
#include "model/local/model_file_layout.h"
#include "model/local/model_tools.h"
#include "model/local/safetensors_names.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

bool is_matrix(const TensorView& tensor) { return tensor.shape.size() == 2; }

std::size_t row_bytes(TensorType type, const TensorView& tensor) {
  const std::int64_t columns = tensor.shape.back();
  return static_cast<std::size_t>(tensor_bytes(type, std::span(&columns, 1)));
}

// The rotary pairs a model's tensors have and those they should get; equal where nothing moves.
struct PairOrder {
  RotaryPairs from = RotaryPairs::kHalves;
  RotaryPairs to = RotaryPairs::kHalves;
  std::int64_t head_dim = 0;
};

// Gives a tensor's rows in another order and type.
class RowReader {
 public:
  RowReader(const TensorView& tensor, TensorType type, PairOrder order, const std::string& path)
      : tensor_(tensor),
        type_(type),
        path_(path),
        head_dim_(order.head_dim),
        reorder_(is_rotated(tensor.name) && order.from != order.to),
        to_adjacent_(order.to == RotaryPairs::kAdjacent),
        values_(static_cast<std::size_t>(tensor.shape.back())),
        packed_(row_bytes(type, tensor)) {}

  // A vector is one row; if rotated (a bias), its elements are what is reordered.
  std::int64_t rows() const { return is_matrix(tensor_) ? tensor_.shape[0] : 1; }

  std::span<const std::byte> row(std::int64_t index) {
    const std::int64_t source = reorder_ && is_matrix(tensor_) ? source_of(index) : index;
    const std::size_t bytes = row_bytes(tensor_.type, tensor_);
    const auto packed = tensor_.data.subspan(static_cast<std::size_t>(source) * bytes, bytes);
    if (type_ == tensor_.type && (is_matrix(tensor_) || !reorder_)) return packed;
    dequantize_row(tensor_.type, packed, values_);
    if (reorder_ && !is_matrix(tensor_)) {
      const std::vector<float> old = values_;
      for (std::size_t i = 0; i < old.size(); ++i) {
        values_[i] = old[static_cast<std::size_t>(source_of(static_cast<std::int64_t>(i)))];
      }
    }
    for (const float value : values_) {
      if (!std::isfinite(value)) {
        fail(ErrorKind::kBadInput, "'{}': tensor '{}' row {} holds {}, which cannot be converted",
             path_, tensor_.name, source, value);
      }
    }
    quantize_row(type_, values_, packed_);
    return packed_;
  }

 private:
  static bool is_rotated(const std::string& name) {
    return name.ends_with("attn_q.weight") || name.ends_with("attn_k.weight") ||
           name.ends_with("attn_q.bias") || name.ends_with("attn_k.bias");
  }

  std::int64_t source_of(std::int64_t index) const {
    const std::int64_t head = index / head_dim_ * head_dim_;
    const std::int64_t i = index % head_dim_;
    const std::int64_t half = head_dim_ / 2;
    return head + (to_adjacent_ ? i / 2 + i % 2 * half : i % half * 2 + i / half);
  }

  const TensorView& tensor_;
  TensorType type_;
  const std::string& path_;
  std::int64_t head_dim_;
  bool reorder_;
  bool to_adjacent_;
  std::vector<float> values_;
  std::vector<std::byte> packed_;
};

std::int64_t parameters_of(const TensorView& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t dim : tensor.shape) count *= dim;
  return count;
}

template <typename Writer>
WrittenModel write_tensors(std::span<const TensorView> tensors, std::span<const TensorType> types,
                           PairOrder order, const std::string& path, Writer& writer) {
  WrittenModel out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    RowReader reader(tensors[i], types[i], order, path);
    for (std::int64_t row = 0; row < reader.rows(); ++row) writer.write(reader.row(row));
    ++out.tensors;
    out.parameters += parameters_of(tensors[i]);
  }
  writer.finish();
  out.file_bytes = static_cast<std::int64_t>(writer.file_bytes());
  return out;
}

WrittenModel write_gguf(const ModelFile& model, std::span<const TensorType> types,
                        TensorType main_type, const std::string& from, const std::string& to) {
  GgufModelHead head;
  head.config = model.config();
  head.name = model.name();
  head.chat_template = model.chat_template();
  head.main_type = main_type;
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
  return write_tensors(model.tensors(), types, order, from, writer);
}

void write_text(const std::string& path, std::string_view text, WrittenModel& out) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
  out.file_bytes += static_cast<std::int64_t>(text.size());
}

WrittenModel write_folder(const ModelFile& model, std::optional<TensorType> wanted,
                          const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  if (error) fail(ErrorKind::kStorage, "cannot make the folder '{}': {}", to, error.message());
  SafetensorsWriter writer(to + "/model.safetensors");
  std::vector<TensorType> types;
  for (const TensorView& tensor : model.tensors()) {
    const bool fits = block_size(tensor.type).elements == 1;
    const TensorType kept = fits ? tensor.type : TensorType::kF16;
    types.push_back(is_matrix(tensor) ? wanted.value_or(kept) : kept);
    writer.add_tensor(hugging_face_name(tensor.name), types.back(), tensor.shape);
  }
  writer.begin();
  const ModelConfig& config = model.config();
  const PairOrder order{config.rotary_pairs, RotaryPairs::kHalves, config.head_dim};
  WrittenModel out = write_tensors(model.tensors(), types, order, from, writer);

  const auto matrix_type = types.front();  // the token embedding's
  const auto tokenizer = model.tokenizer();
  const Vocabulary* vocabulary = tokenizer == nullptr ? nullptr : vocabulary_of(*tokenizer);
  write_text(to + "/config.json", hugging_face_config(config, matrix_type, vocabulary), out);
  if (vocabulary != nullptr && vocabulary->kind == VocabularyKind::kByteLevelBpe) {
    write_text(to + "/tokenizer.json", write_tokenizer_json(*vocabulary), out);
    write_text(to + "/tokenizer_config.json",
               hugging_face_tokenizer_config(*vocabulary, model.chat_template()), out);
  }
  return out;
}

// A tensor's type in the GGUF file when matrices should be `type`.
TensorType retyped(const TensorView& tensor, TensorType type, std::int64_t& kept) {
  if (!is_matrix(tensor)) return TensorType::kF32;  // what llama.cpp insists on
  if (tensor_bytes(type, tensor.shape) >= 0) return type;
  ++kept;
  return TensorType::kF16;
}

void refuse_same_file(const std::string& from, const std::string& to) {
  std::error_code error;
  if (fs::equivalent(from, to, error)) {
    fail(ErrorKind::kUsage, "'{}' cannot be read and written at once; give another output", to);
  }
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
    return write_folder(*model, type, from, to);
  }
  std::vector<TensorType> types;
  std::int64_t kept = 0;
  for (const TensorView& tensor : model->tensors()) {
    types.push_back(retyped(tensor, type.value_or(tensor.type), kept));
  }
  return write_gguf(*model, types, types.front(), from, to);
}

QuantizedModel quantize_model(const std::string& from, const std::string& to, TensorType type) {
  refuse_same_file(from, to);
  std::error_code error;
  if (fs::is_directory(from, error)) {
    fail(ErrorKind::kUsage, "'{}' is a folder; convert it to GGUF with that type instead", from);
  }
  open_model_file(from);  // only a model that could be run is worth re-typing
  const MappedFile file(from);
  const Gguf gguf = parse_gguf(file.bytes(), from);
  QuantizedModel out;
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
  for (const TensorView& tensor : gguf.tensors) {
    types.push_back(is_matrix(tensor) ? retyped(tensor, type, out.kept) : tensor.type);
    writer.add_tensor(tensor.name, types.back(), tensor.shape);
  }
  writer.begin();
  out.written = write_tensors(gguf.tensors, types, {}, from, writer);
  return out;
}

}  // namespace memagent
