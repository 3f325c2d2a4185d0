// The element types a tensor in a model file can have, and their block sizes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace memagent {

enum class TensorType { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4_K, kQ5_K, kQ6_K };

inline constexpr std::array kTensorTypes = {TensorType::kF32,  TensorType::kF16,  TensorType::kBF16,
                                            TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ4_1,
                                            TensorType::kQ5_0, TensorType::kQ5_1, TensorType::kQ4_K,
                                            TensorType::kQ5_K, TensorType::kQ6_K};

// Elements are stored in blocks of `elements` that take `bytes` (GGUF's definitions).
struct BlockSize {
  std::int32_t elements;
  std::int32_t bytes;
};
BlockSize block_size(TensorType type);
const char* to_string(TensorType type);  // "F32", "Q4_K", ...
// By that name, in either case; nothing for other names.
std::optional<TensorType> parse_tensor_type(std::string_view name);
std::string tensor_type_names();  // "F32, F16, ..., Q6_K"

}  // namespace memagent
