// What a run computes on, and in which type: the keys of a recipe that have nothing to do with what
// is learnt.
#pragma once

#include <string>

#include "train/policy_network.h"

namespace memagent {

enum class ComputeType { kFloat32, kBFloat16 };

struct MachineConfig {
  // "cpu", "cuda:N", or "cuda": that of torchrun's LOCAL_RANK, or the first.
  std::string device = "cpu";
  ComputeType compute = ComputeType::kFloat32;  // weights, their sums and moments stay float32
  bool recompute_layers = false;                // PolicyOptions
};

// Whether `name` is written as a device is, here or not.
bool is_device_name(const std::string& name);

// Throws Error(kUsage) for a device that this machine or this LibTorch does not have.
PolicyOptions policy_options(const MachineConfig& config, const AdapterConfig& adapter = {});

}  // namespace memagent
