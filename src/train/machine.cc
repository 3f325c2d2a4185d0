#include "train/machine.h"

#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/version.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/fail.h"

namespace memagent {
namespace {

constexpr const char* kCuda = "cuda";
constexpr const char* kNumbered = "cuda:";
constexpr std::size_t kMostDigits = 3;

}  // namespace

bool is_device_name(const std::string& name) {
  if (name == "cpu" || name == kCuda) return true;
  if (!name.starts_with(kNumbered)) return false;
  const std::string number = name.substr(std::string(kNumbered).size());
  return !number.empty() && number.size() <= kMostDigits &&
         std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c) != 0; });
}

PolicyOptions policy_options(const MachineConfig& config, const AdapterConfig& adapter) {
  PolicyOptions options;
  options.adapter = adapter;
  options.recompute_layers = config.recompute_layers;
  if (config.compute == ComputeType::kBFloat16) options.compute = torch::kBFloat16;
  if (!is_device_name(config.device)) {
    fail(ErrorKind::kUsage, "device '{}': choose cpu, cuda or cuda:N", config.device);
  }
  if (config.device == "cpu") return options;
  const auto there =
      torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  if (there == 0) {
    fail(ErrorKind::kUsage,
         "device '{}': LibTorch {} finds no CUDA device: set device = \"cpu\", or build with a "
         "LibTorch that has CUDA on a machine with a GPU",
         config.device, TORCH_VERSION);
  }
  // Processes of one machine that train together take a card each.
  const char* local_rank = std::getenv("LOCAL_RANK");
  const int own = local_rank != nullptr ? std::atoi(local_rank) : 0;
  const int number =
      config.device == kCuda ? own : std::stoi(config.device.substr(std::string(kNumbered).size()));
  if (number < 0 || number >= there) {
    fail(ErrorKind::kUsage, "device '{}': asks for cuda:{}, there is cuda:0 to cuda:{}",
         config.device, number, there - 1);
  }
  options.device = torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(number));
  return options;
}

}  // namespace memagent
