// The CPU engine as a training run uses it: with the network's weights as they are now, taken in
// place, no file in between.
#pragma once

#include <memory>
#include <string>

#include "model/local/local_model.h"
#include "train/start.h"

namespace memagent {

class PolicyEngine {
 public:
  explicit PolicyEngine(int threads) : threads_(threads) {}

  // Until the next call, with a copy of today's weights. Nothing may be in flight.
  LanguageModel& with_weights_of(const Start& start, const std::string& name);

 private:
  int threads_;
  std::unique_ptr<LocalModel> model_;  // made when it is first wanted
};

}  // namespace memagent
