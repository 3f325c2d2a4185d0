// A model's tensors row by row, in another type and order of rows: what converting and quantizing
// share. Nothing is held in memory but a row.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/local/model_file.h"
#include "model/local/model_tools.h"

namespace memagent {

inline bool is_matrix(const TensorView& tensor) { return tensor.shape.size() == 2; }
std::int64_t parameters_of(const TensorView& tensor);
// A tensor's type in a GGUF file whose matrices should be `type`: vectors are F32, as llama.cpp
// insists; rows that are not whole blocks make a matrix F16, counted in `kept`.
TensorType gguf_type(const TensorView& tensor, TensorType type, std::int64_t& kept);
// Throws Error(kBadInput) for a value that a row of `type` cannot hold.
void refuse_unrepresentable(std::span<const float> values, TensorType type, const std::string& path,
                            const std::string& tensor, std::int64_t row);
// Throws Error(kUsage) if both are the same file.
void refuse_same_file(const std::string& from, const std::string& to);
// Throws Error(kUsage) for a folder, saying `instead` what to do.
void refuse_folder(const std::string& path, std::string_view instead);

// The rotary pairs a model's tensors have and those they should get; equal where nothing moves.
struct PairOrder {
  RotaryPairs from = RotaryPairs::kHalves;
  RotaryPairs to = RotaryPairs::kHalves;
  std::int64_t head_dim = 0;
};

// Gives a tensor's rows in another order and type. A vector is one row; if rotated (a bias), its
// elements are what is reordered. `path` is for messages; all arguments are borrowed.
//
// Llama's query and key rows lie in a different order in the two containers. In safetensors element
// i of a head turns with element i + head_dim/2, in GGUF elements 2i and 2i+1 turn together; so row
// i + p * head_dim/2 of a head there (p 0 or 1) is row 2i + p here.
class RowReader {
 public:
  RowReader(const TensorView& tensor, TensorType type, PairOrder order, const std::string& path);
  std::int64_t rows() const;
  // Valid until the next call. Throws Error(kBadInput) if a value that changes type is not finite.
  std::span<const std::byte> row(std::int64_t index);

 private:
  std::int64_t source_of(std::int64_t index) const;

  const TensorView& tensor_;
  TensorType type_;
  const std::string& path_;
  std::int64_t head_dim_;
  bool reorder_;
  bool to_adjacent_;
  std::vector<float> values_;
  std::vector<std::byte> packed_;
};

// Writes the rows of a tensor, and counts it. `Rows` has rows() and row() as RowReader does.
template <typename Rows, typename Writer>
void write_rows(const TensorView& tensor, Rows rows, Writer& writer, WrittenModel& out) {
  for (std::int64_t row = 0; row < rows.rows(); ++row) writer.write(rows.row(row));
  ++out.tensors;
  out.parameters += parameters_of(tensor);
}

// Writes tensors one after another, types[i] each, and finishes the file.
template <typename Writer>
WrittenModel write_tensors(std::span<const TensorView> tensors, std::span<const TensorType> types,
                           PairOrder order, const std::string& path, Writer& writer) {
  WrittenModel out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    write_rows(tensors[i], RowReader(tensors[i], types[i], order, path), writer, out);
  }
  writer.finish();
  out.file_bytes = static_cast<std::int64_t>(writer.file_bytes());
  return out;
}

}  // namespace memagent
