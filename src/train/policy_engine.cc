#include "train/policy_engine.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <limits>
#include <utility>

#include "model/local/retyped.h"

namespace memagent {
namespace {

// The network's parameters for these, and these for the network's; none: nothing.
void swap_parameters(const PolicyNetwork& network, const std::vector<torch::Tensor>& others) {
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < others.size(); ++i) {
    torch::Tensor mine = network.parameters()[i].value.detach();
    torch::Tensor other = others[i];
    const torch::Tensor kept = mine.clone();
    mine.copy_(other);
    other.copy_(kept);
  }
}

}  // namespace

LanguageModel& PolicyEngine::with_weights_of(const Start& start, const std::string& name,
                                             const std::vector<torch::Tensor>& instead,
                                             TensorType type) {
  if (torch_options_) {
    std::shared_ptr<const PolicyNetwork> network = start.network->generator(instead);
    if (torch_ != nullptr) {
      torch_->use(std::move(network));
    } else {
      torch_ = std::make_unique<TorchModel>(std::move(network), start.tokenizer,
                                            start.chat_template, name, *torch_options_);
    }
    return *torch_;
  }
  swap_parameters(*start.network, instead);
  std::shared_ptr<const ModelFile> weights =
      start.network->model_file(start.tokenizer, start.chat_template, name);
  swap_parameters(*start.network, instead);
  if (type != TensorType::kF32) weights = retyped(*weights, type);
  if (engine_ == nullptr) {
    // All that the cache has room for: a document that is read again finds its sections, and so do
    // trajectories that are behind others of their group.
    engine_ = make_local_model(
        std::move(weights),
        {.threads = threads_, .retained_prefix_tokens = std::numeric_limits<std::int32_t>::max()});
  } else {
    engine_->replace_weights(std::move(weights));
  }
  return *engine_;
}

void PolicyEngine::rest() {
  if (torch_ != nullptr) torch_->use(nullptr);
}

}  // namespace memagent
