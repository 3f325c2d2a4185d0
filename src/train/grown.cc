#include "train/grown.h"

#include <torch/types.h>

#include "base/hash.h"
#include "train/normal.h"

namespace memagent {
namespace {

// How far the shares of copies are from equal ones, in units of the weight's own size.
constexpr double kUneven = 0.5;

// [out, in] -> [out, times in]: the copies of a column add up to it.
torch::Tensor divided(std::string_view name, const torch::Tensor& weight, std::int64_t times) {
  const torch::Tensor share = weight / static_cast<double>(times);
  const double size = share.square().mean().sqrt().item<double>();
  torch::Tensor noise = torch::empty({times, weight.size(0), weight.size(1)}, torch::kFloat);
  Hash64 key;
  key.update(name);
  fill_normal(noise, key.value(), kUneven * size);
  noise = noise - noise.mean(0, true);
  std::vector<torch::Tensor> copies;
  for (std::int64_t i = 0; i < times; ++i) copies.push_back(share + noise[i]);
  return torch::cat(copies, 1);
}

}  // namespace

std::vector<LayerSource> layer_sources(std::int32_t num_layers, std::int32_t num_there) {
  const std::int32_t num_added = num_layers - num_there;
  std::vector<LayerSource> sources;
  for (std::int32_t layer = 0; layer < num_there; ++layer) {
    sources.push_back({layer, false});
    const bool ends_share = (layer + 1) * num_added / num_there > layer * num_added / num_there;
    if (ends_share) sources.push_back({layer, true});
  }
  return sources;
}

torch::Tensor widened(std::string_view name, const torch::Tensor& weight, std::int64_t times,
                      bool tied_output) {
  if (times == 1) return weight;
  // Of one head, however many there are.
  if (name.ends_with("attn_q_norm.weight") || name.ends_with("attn_k_norm.weight")) return weight;
  if (weight.dim() == 1) {
    const torch::Tensor repeated = weight.repeat({times});
    // A tied output repeats its columns, since the embedding does.
    const bool halves = name == "output_norm.weight" && tied_output;
    return halves ? repeated / static_cast<double>(times) : repeated;
  }
  if (name == "token_embd.weight") return weight.repeat({1, times});
  return divided(name, name == "output.weight" ? weight : weight.repeat({times, 1}), times);
}

}  // namespace memagent
