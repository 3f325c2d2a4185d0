// Packing happens once, at load: every type becomes one of the kernels' formats without loss.
#include "model/local/kernels/pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"
#include "format/quant.h"

namespace memagent {

OwnedMatrix::OwnedMatrix(WeightFormat format, std::int64_t columns, std::int64_t inputs) {
  view_.format = format;
  view_.columns = columns;
  view_.inputs = inputs;
  const auto bytes =
      static_cast<std::size_t>(view_.panels() * panel_bytes(format, inputs) + 63) / 64 * 64;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, std::max<std::size_t>(bytes, 64)));
  if (memory == nullptr) throw std::bad_alloc();
  memory_.reset(memory);
  view_.data = memory;
}

void OwnedMatrix::Free::operator()(std::byte* memory) const { std::free(memory); }

std::byte* OwnedMatrix::panel(std::int64_t index) {
  return memory_.get() + index * panel_bytes(view_.format, view_.inputs);
}

WeightFormat weight_format(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return WeightFormat::kF32;
    case TensorType::kF16:
      return WeightFormat::kF16;
    case TensorType::kBF16:
      return WeightFormat::kBF16;
    case TensorType::kQ8_0:
    case TensorType::kQ4_0:
    case TensorType::kQ5_0:
      return WeightFormat::kInt8;
    case TensorType::kQ4_1:
    case TensorType::kQ5_1:
    case TensorType::kQ4_K:
    case TensorType::kQ5_K:
      return WeightFormat::kInt8Offset;
    case TensorType::kQ6_K:
      return WeightFormat::kInt8Halves;
  }
  return WeightFormat::kF32;
}

namespace {

void pack_integer_column(const Kernels& kernels, TensorType type, std::span<const std::byte> row,
                         WeightFormat format, std::int64_t inputs, int column, std::byte* panel) {
  const std::int64_t block_bytes = panel_bytes(format, kBlock);
  const std::int32_t group = kernels.input_group;
  // Where four products are taken at once the weights are unsigned; see matmul_int8-inl.h.
  const int bias = group == 4 ? 128 : 0;
  for (std::int64_t block = 0; block < inputs / kBlock; ++block) {
    const QuantBlock32 values = read_block32(type, row, static_cast<std::size_t>(block));
    auto* q = reinterpret_cast<std::uint8_t*>(panel + block * block_bytes);
    for (int k = 0; k < kBlock; ++k) {
      const int at = (k / group * kPanelColumns + column) * group + k % group;
      q[at] = static_cast<std::uint8_t>(values.q[k] + bias);
    }
    auto* scales = reinterpret_cast<float*>(q + kBlock * kPanelColumns);
    scales[column] = values.scale;
    if (format == WeightFormat::kInt8Offset) scales[kPanelColumns + column] = values.offset;
    if (format == WeightFormat::kInt8Halves) scales[kPanelColumns + column] = values.scale_high;
  }
}

template <typename T>
void pack_float_column(std::span<const std::byte> row, std::int64_t inputs, int column,
                       std::byte* panel) {
  auto* out = reinterpret_cast<T*>(panel);
  for (std::int64_t k = 0; k < inputs; ++k) {
    std::memcpy(&out[k * kPanelColumns + column], row.data() + k * sizeof(T), sizeof(T));
  }
}

}  // namespace

void pack_panels(const Kernels& kernels, const TensorView& tensor, std::int64_t begin,
                 std::int64_t end, OwnedMatrix& out) {
  const PackedMatrix& view = out.view();
  const BlockSize block = block_size(tensor.type);
  const auto row_bytes = static_cast<std::size_t>(view.inputs / block.elements * block.bytes);
  MEMAGENT_CHECK(tensor.data.size() >= row_bytes * static_cast<std::size_t>(view.columns),
                 "{} has {} bytes", tensor.name, tensor.data.size());
  for (std::int64_t panel = begin; panel < end; ++panel) {
    std::byte* to = out.panel(panel);
    std::memset(to, 0, static_cast<std::size_t>(panel_bytes(view.format, view.inputs)));
    const std::int64_t first = panel * kPanelColumns;
    const auto columns =
        static_cast<int>(std::min<std::int64_t>(kPanelColumns, view.columns - first));
    for (int column = 0; column < columns; ++column) {
      const auto row =
          tensor.data.subspan(static_cast<std::size_t>(first + column) * row_bytes, row_bytes);
      switch (view.format) {
        case WeightFormat::kF32:
          pack_float_column<float>(row, view.inputs, column, to);
          break;
        case WeightFormat::kF16:
        case WeightFormat::kBF16:
          pack_float_column<std::uint16_t>(row, view.inputs, column, to);
          break;
        default:
          pack_integer_column(kernels, tensor.type, row, view.format, view.inputs, column, to);
      }
    }
  }
}

}  // namespace memagent
