// The CPU engine over a model that is already open: what open_local_model() is made of, for models
// that are not files (a trainer's weights, a test's).
#pragma once

#include <memory>

#include "memagent/local_model.h"
#include "model/local/model_file.h"

namespace memagent {

std::unique_ptr<LanguageModel> make_local_model(std::shared_ptr<const ModelFile> file,
                                                const LocalModelOptions& options);

}  // namespace memagent
