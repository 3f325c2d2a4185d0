// One tensor of a model with random weights, as numbers; init_model() in model_tools.h writes whole
// models.
#pragma once

#include <cstdint>
#include <span>

#include "model/local/model_file_layout.h"

namespace memagent {

// Row `row` of a tensor: a pure function of its arguments. For a vector, row 0 is the whole.
void random_row(const ModelConfig& config, const TensorSpec& tensor, std::uint64_t seed,
                std::int64_t row, std::span<float> out);

}  // namespace memagent
