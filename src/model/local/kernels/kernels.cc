// One table of kernels per instruction set, built from the -inl.h files by Highway's
// foreach_target, and the choice among them.
#include "model/local/kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/local/kernels/kernels.cc"
#include <hwy/foreach_target.h>
// After foreach_target, which sets the target.
#include <hwy/highway.h>

#include "model/local/kernels/vector_ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace memagent {
namespace HWY_NAMESPACE {

const Kernels* kernel_table() {
  static constexpr Kernels kTable{
      .name = "",
      .input_group = kInputGroup,
      .quantize_rows = quantize_rows,
      .matmul_int8 = matmul_int8,
      .matmul_float = matmul_float,
      .rms_norm = rms_norm,
      .add = add,
      .silu_mul = silu_mul,
      .attention = attention,
      .to_half = to_half,
      .argmax = argmax,
      .sum_exp = sum_exp,
  };
  static const Kernels named = [] {
    Kernels table = kTable;
    table.name = hwy::TargetName(HWY_TARGET);
    return table;
  }();
  return &named;
}

}  // namespace HWY_NAMESPACE
}  // namespace memagent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace memagent {
HWY_EXPORT(kernel_table);

std::int64_t panel_bytes(WeightFormat format, std::int64_t inputs) {
  const std::int64_t blocks = inputs / kBlock;
  const std::int64_t scale_bytes = kPanelColumns * static_cast<std::int64_t>(sizeof(float));
  switch (format) {
    case WeightFormat::kInt8:
      return blocks * (kBlock * kPanelColumns + scale_bytes);
    case WeightFormat::kInt8Offset:
    case WeightFormat::kInt8Halves:
      return blocks * (kBlock * kPanelColumns + 2 * scale_bytes);
    case WeightFormat::kF32:
      return inputs * kPanelColumns * 4;
    case WeightFormat::kF16:
    case WeightFormat::kBF16:
      return inputs * kPanelColumns * 2;
  }
  return 0;
}

void QuantizedRows::resize(std::int64_t new_rows, std::int64_t new_inputs) {
  rows = new_rows;
  inputs = new_inputs;
  const auto elements = static_cast<std::size_t>(rows * inputs);
  const std::size_t blocks = elements / kBlock;
  if (values.size() < elements * 2) values.resize(elements * 2);
  if (scales.size() < blocks) {
    scales.resize(blocks);
    corrections.resize(blocks);
    sums_low.resize(blocks);
    sums.resize(blocks);
  }
}

const Kernels& best_kernels() {
  static const Kernels* const table = HWY_DYNAMIC_DISPATCH(kernel_table)();
  return *table;
}

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> tables;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    tables.push_back(HWY_DYNAMIC_DISPATCH(kernel_table)());
  }
  hwy::SetSupportedTargetsForTest(0);
  return tables;
}

}  // namespace memagent
#endif  // HWY_ONCE
