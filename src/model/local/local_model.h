// The CPU engine over a model that is already open: what open_local_model() is made of, for models
// that are not files (a trainer's weights, a test's).
#pragma once

#include <memory>

#include "memagent/local_model.h"
#include "model/local/model_file.h"

namespace memagent {

// The engine as those see it that change what it runs.
class LocalModel : public LanguageModel {
 public:
  // From now on these weights, of the same configuration: a training step has changed them. What
  // was kept for later prompts is forgotten. Nothing may be in flight.
  virtual void replace_weights(std::shared_ptr<const ModelFile> file) = 0;
};

std::unique_ptr<LocalModel> make_local_model(std::shared_ptr<const ModelFile> file,
                                             const LocalModelOptions& options);

}  // namespace memagent
