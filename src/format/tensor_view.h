// A tensor inside a mapped file: what it is called, what it holds, where its bytes are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "format/tensor_type.h"

namespace memagent {

struct TensorView {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape;  // outermost first: [rows, columns]; a row is contiguous
  std::span<const std::byte> data;  // borrowed from the mapped file
};

// Bytes of a tensor of this type and shape (outermost first), or -1 if a dimension is not positive,
// the innermost is not a whole number of blocks, or the product does not fit 63 bits.
std::int64_t tensor_bytes(TensorType type, std::span<const std::int64_t> shape);
// "[151936, 896]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace memagent
