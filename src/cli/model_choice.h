// Which model a command works with, as flags, and opening it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/overwriting.h"
#include "memagent/language_model.h"
#include "memagent/remote_model.h"

namespace CLI {
class App;
}

namespace memagent {

struct ModelChoice {
  std::string model;                   // GGUF file or Hugging Face folder
  std::vector<std::string> endpoints;  // or base URLs of OpenAI-compatible servers
  std::string model_name;
  std::string api;             // "chat" (also if empty) or "completions"
  std::string tokenizer;       // a file, for budgets over endpoints
  std::string request_fields;  // a JSON object added to every request to a server
  std::string ca_file;
  std::int32_t threads = 0;
  std::int32_t max_in_flight = 0;
  std::int32_t attempts = 6;
  std::int32_t timeout_seconds = 0;  // 0: as RemoteModelOptions has it

  bool local() const { return !model.empty(); }
  bool chosen() const { return local() || !endpoints.empty(); }
};

void add_model_options(CLI::App& app, ModelChoice& choice);

// What a command knows of its use of the model.
struct ModelUse {
  std::int32_t context_tokens = 0;  // 0: what the model says
  // Tokens of shared prompt beginnings worth keeping; 0: one context.
  std::int64_t retained_prefix_tokens = 0;
};

// Chooses the shipped model where none is chosen. Throws Error(kUsage) if both kinds are, and for
// what only a server has where there is none.
void settle(ModelChoice& choice);

// Of a settled choice. Throws what opening throws.
std::unique_ptr<LanguageModel> open_model(const ModelChoice& choice, const ModelUse& use);
// What a model that is not local is opened with.
RemoteModelOptions endpoint_options(const ModelChoice& choice, const ModelUse& use);

// What it reads of the disk.
std::vector<UsedFile> files_of(const ModelChoice& choice);

// Tells whether a session goes on with the model it was started with: the contents of a local one
// (size and samples throughout), the name of a served one and how its tokens are counted. `model`
// may be null for a local one.
std::string model_identity(const ModelChoice& choice, const LanguageModel* model);
// False if a model served by this name cannot be the one of that identity.
bool may_be_served_as(const std::string& name, const std::string& identity);

}  // namespace memagent
