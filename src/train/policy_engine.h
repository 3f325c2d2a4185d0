// What plays the policy in a training run, with the network's weights as they are now and no file
// in between: the CPU engine with a copy of them, or the network itself where it is trained.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/local/local_model.h"
#include "train/start.h"
#include "train/torch_model.h"

namespace memagent {

class PolicyEngine {
 public:
  // `torch`: by the network itself; else by the CPU engine with so many threads.
  explicit PolicyEngine(int threads, const std::optional<TorchModelOptions>& torch = std::nullopt)
      : threads_(threads), torch_options_(torch) {}

  // Until the next call, with today's weights, of which the engine has a copy. `instead`: one for
  // each of the network's parameters, taken in their place; the network itself generates with these
  // tensors and has no copy. `type`: of the CPU engine's matrices. Nothing may be in flight.
  LanguageModel& with_weights_of(const Start& start, const std::string& name,
                                 const std::vector<torch::Tensor>& instead = {},
                                 TensorType type = TensorType::kF32);
  // Gives back what only rollouts need of the device's memory, until the next call. Nothing may be
  // in flight.
  void rest();

 private:
  int threads_;
  std::optional<TorchModelOptions> torch_options_;
  std::unique_ptr<LocalModel> engine_;  // made when it is first wanted
  std::unique_ptr<TorchModel> torch_;   // the same
};

}  // namespace memagent
