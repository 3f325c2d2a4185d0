// A network that is deeper or wider than the model it starts from and says what that says: where
// each of its weights comes from, and what the copies of a weight are.
//
// Deeper: block expansion (arXiv 2401.02415); each new layer is a copy of the one before it whose
// output matrices are zero. Wider: function-preserving widening (Net2Net, arXiv 1511.05641) of all
// units alike, which is what RMSNorm and heads allow: the residual stream, the heads and the
// feed-forward units stand `times` times side by side. Rows of a matrix are repeated; columns are
// divided among their copies, unevenly, so that gradients tell the copies apart.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace memagent {

struct LayerSource {
  std::int32_t layer = 0;  // of the model that is loaded
  bool added = false;      // a copy that is to change nothing yet
};

// Where each of `num_layers` layers comes from, of a model that has `num_there`, at least half as
// many.
std::vector<LayerSource> layer_sources(std::int32_t num_layers, std::int32_t num_there);

// `weight` of the model, as files name it ([out, in] or [units]), for a network `times` as wide.
// Pure: the same name and weight give the same result.
torch::Tensor widened(std::string_view name, const torch::Tensor& weight, std::int64_t times,
                      bool tied_output);

}  // namespace memagent
