#include "train/policy_engine.h"

#include <utility>

namespace memagent {

LanguageModel& PolicyEngine::with_weights_of(const Start& start, const std::string& name) {
  std::shared_ptr<const ModelFile> weights =
      start.network->model_file(start.tokenizer, start.chat_template, name);
  if (model_ == nullptr) {
    model_ = make_local_model(std::move(weights), {.threads = threads_});
  } else {
    model_->replace_weights(std::move(weights));
  }
  return *model_;
}

}  // namespace memagent
