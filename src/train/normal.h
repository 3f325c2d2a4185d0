// Normally distributed numbers that are the same on any machine.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace memagent {

// Fills `view`, of any device and type, with draws of mean 0. Element i depends on `key` and i.
void fill_normal(torch::Tensor view, std::uint64_t key, double deviation);

}  // namespace memagent
