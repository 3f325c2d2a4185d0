#include "train/device_copy.h"

#include <torch/types.h>

#include <cstring>

namespace memagent {
namespace {

template <typename T>
torch::Tensor copied(std::span<const T> values, torch::ScalarType type, torch::Device device) {
  const auto options = torch::TensorOptions(type).pinned_memory(device.is_cuda());
  torch::Tensor here = torch::empty({std::ssize(values)}, options);
  if (!values.empty()) std::memcpy(here.data_ptr(), values.data(), values.size_bytes());
  return device.is_cpu() ? here : here.to(device, /*non_blocking=*/true);
}

}  // namespace

torch::Tensor on_device(std::span<const std::int64_t> values, torch::Device device) {
  return copied(values, torch::kInt64, device);
}
torch::Tensor on_device(std::span<const float> values, torch::Device device) {
  return copied(values, torch::kFloat, device);
}
torch::Tensor on_device(std::span<const std::int32_t> values, torch::Device device) {
  return copied(values, torch::kInt32, device);
}

}  // namespace memagent
