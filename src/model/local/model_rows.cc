#include "model/local/model_rows.h"

#include <cmath>
#include <filesystem>

#include "base/fail.h"
#include "base/same_file.h"
#include "format/quant.h"

namespace memagent {
namespace {

std::size_t row_bytes(TensorType type, const TensorView& tensor) {
  const std::int64_t columns = tensor.shape.back();
  return static_cast<std::size_t>(tensor_bytes(type, std::span(&columns, 1)));
}

bool is_rotated(const std::string& name) {
  return name.ends_with("attn_q.weight") || name.ends_with("attn_k.weight") ||
         name.ends_with("attn_q.bias") || name.ends_with("attn_k.bias");
}

}  // namespace

std::int64_t parameters_of(const TensorView& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t dim : tensor.shape) count *= dim;
  return count;
}

TensorType gguf_type(const TensorView& tensor, TensorType type, std::int64_t& kept) {
  if (!is_matrix(tensor)) return TensorType::kF32;
  if (tensor_bytes(type, tensor.shape) >= 0) return type;
  ++kept;
  return TensorType::kF16;
}

void refuse_unrepresentable(std::span<const float> values, TensorType type, const std::string& path,
                            const std::string& tensor, std::int64_t row) {
  // F16's largest, which is also what most blocks' scales are.
  constexpr float kLargestHalf = 65504.0F;
  const bool wide = type == TensorType::kF32 || type == TensorType::kBF16;
  for (const float value : values) {
    if (std::isfinite(value) && (wide || std::abs(value) <= kLargestHalf)) continue;
    fail(ErrorKind::kBadInput, "'{}': tensor '{}' row {} holds {}, which {} cannot hold", path,
         tensor, row, value, to_string(type));
  }
}

void refuse_same_file(const std::string& from, const std::string& to) {
  if (is_same_file(from, to)) {
    fail(ErrorKind::kUsage, "'{}' cannot be read and written at once; give another output", to);
  }
}

void refuse_folder(const std::string& path, std::string_view instead) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail(ErrorKind::kUsage, "'{}' is a folder; {}", path, instead);
  }
}

RowReader::RowReader(const TensorView& tensor, TensorType type, PairOrder order,
                     const std::string& path)
    : tensor_(tensor),
      type_(type),
      path_(path),
      head_dim_(order.head_dim),
      reorder_(is_rotated(tensor.name) && order.from != order.to),
      to_adjacent_(order.to == RotaryPairs::kAdjacent),
      values_(static_cast<std::size_t>(tensor.shape.back())),
      packed_(row_bytes(type, tensor)) {}

std::int64_t RowReader::rows() const { return is_matrix(tensor_) ? tensor_.shape[0] : 1; }

std::span<const std::byte> RowReader::row(std::int64_t index) {
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
  refuse_unrepresentable(values_, type_, path_, tensor_.name, source);
  quantize_row(type_, values_, packed_);
  return packed_;
}

std::int64_t RowReader::source_of(std::int64_t index) const {
  const std::int64_t head = index / head_dim_ * head_dim_;
  const std::int64_t i = index % head_dim_;
  const std::int64_t half = head_dim_ / 2;
  return head + (to_adjacent_ ? i / 2 + i % 2 * half : i % half * 2 + i / half);
}

}  // namespace memagent
