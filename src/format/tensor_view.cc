#include "format/tensor_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace memagent {

std::int64_t tensor_bytes(TensorType type, std::span<const std::int64_t> shape) {
  const auto [elements, bytes] = block_size(type);
  if (shape.empty() || shape.back() % elements != 0) return -1;
  std::int64_t total = bytes;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] <= 0) return -1;
    const std::int64_t count = axis + 1 == shape.size() ? shape[axis] / elements : shape[axis];
    if (__builtin_mul_overflow(total, count, &total)) return -1;
  }
  return total;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace memagent
