// Numbers of the host as a tensor of a device. To a CUDA device the copy is put on the stream, from
// memory that it can be made from while the host goes on.
#pragma once

#include <torch/types.h>

#include <span>

namespace memagent {

// [values] int64 on `device`.
torch::Tensor on_device(std::span<const std::int64_t> values, torch::Device device);
torch::Tensor on_device(std::span<const float> values, torch::Device device);
torch::Tensor on_device(std::span<const std::int32_t> values, torch::Device device);

}  // namespace memagent
