#include "cli/model_choice.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "memagent/local_model.h"
#include "model/local/model_contents.h"
#include "model/local/model_file.h"
#include "model/local/shipped_model.h"

namespace memagent {

namespace fs = std::filesystem;

void add_model_options(CLI::App& app, ModelChoice& choice) {
  const char* group = "Model";
  app.add_option(
         "--model", choice.model,
         "GGUF file, or Hugging Face folder with safetensors (default: memagent-nano, which "
         "comes with the program)")
      ->type_name("PATH")
      ->group(group);
  app.add_option("--endpoint", choice.endpoints,
                 "Base URL of an OpenAI-compatible server, such as http://localhost:8000/v1; "
                 "repeat it for a fleet. The key is taken from MEMAGENT_API_KEY")
      ->type_name("URL")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--model-name", choice.model_name,
                 "The model to ask the server for (default: its first)")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--api", choice.api, "chat, or completions (chat)")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--tokenizer", choice.tokenizer,
                 "tokenizer.json, SentencePiece or GGUF file to count a server's tokens with "
                 "(default: ask the server, else estimate)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--request-fields", choice.request_fields,
                 "A JSON object added to every request to a server, such as "
                 "'{\"chat_template_kwargs\": {\"enable_thinking\": false}}'")
      ->type_name("JSON")
      ->group(group);
  app.add_option("--ca-file", choice.ca_file,
                 "Certificates (PEM) to check TLS servers against (default: the system's)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--threads", choice.threads, "Threads of the CPU engine (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096).description(""))
      ->group(group);
  app.add_option("--max-in-flight", choice.max_in_flight,
                 "Most requests under way at once (default: what suits the model)")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->group(group);
  app.add_option("--attempts", choice.attempts, "Tries per request to a server (6)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000).description(""))
      ->group(group);
  app.add_option("--timeout", choice.timeout_seconds,
                 "Seconds a request to a server may take (900, and 300 until its reply begins)")
      ->type_name("S")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->group(group);
}

void settle(ModelChoice& choice) {
  if (choice.local() && !choice.endpoints.empty()) {
    fail(ErrorKind::kUsage, "--model and --endpoint: both given: choose one");
  }
  if (choice.endpoints.empty()) {
    const std::pair<const char*, const std::string*> of_servers[] = {
        {"--model-name", &choice.model_name},
        {"--api", &choice.api},
        {"--tokenizer", &choice.tokenizer},
        {"--request-fields", &choice.request_fields},
        {"--ca-file", &choice.ca_file}};
    for (const auto& [flag, value] : of_servers) {
      if (!value->empty()) {
        fail(ErrorKind::kUsage, "{}: is of a server: add --endpoint URL, or leave it out", flag);
      }
    }
  }
  if (!choice.chosen()) choice.model = kShippedModel;
  std::error_code error;
  if (choice.local() && !is_shipped_model(choice.model) &&
      fs::status(choice.model, error).type() == fs::file_type::not_found) {
    fail(ErrorKind::kBadInput,
         "cannot open '{}': No such file or directory; give a GGUF file or a Hugging Face folder, "
         "or a server with --endpoint",
         choice.model);
  }
}

std::unique_ptr<LanguageModel> open_model(const ModelChoice& choice, const ModelUse& use) {
  if (choice.local()) {
    if (use.context_tokens > 0) {
      const std::int32_t most = open_model_file(choice.model)->config().context_tokens;
      if (use.context_tokens > most) {
        fail(ErrorKind::kUsage,
             "--window-tokens: {} is more than the {} tokens that {} was made for: choose less",
             use.context_tokens, most, choice.model);
      }
    }
    LocalModelOptions options;
    options.threads = choice.threads;
    options.context_tokens = use.context_tokens;
    options.retained_prefix_tokens = use.retained_prefix_tokens;
    if (choice.max_in_flight > 0) options.max_running = choice.max_in_flight;
    return open_local_model(choice.model, options);
  }
  return open_remote_model(endpoint_options(choice, use));
}

RemoteModelOptions endpoint_options(const ModelChoice& choice, const ModelUse& use) {
  RemoteModelOptions options;
  options.urls = choice.endpoints;
  options.model = choice.model_name;
  if (const char* key = std::getenv("MEMAGENT_API_KEY"); key != nullptr) options.api_key = key;
  if (choice.api.empty() || choice.api == "chat") {
    options.api = EndpointApi::kChat;
  } else if (choice.api == "completions") {
    options.api = EndpointApi::kCompletions;
  } else {
    fail(ErrorKind::kUsage, "--api: unknown '{}': choose chat or completions", choice.api);
  }
  options.tokenizer_path = choice.tokenizer;
  options.extra_fields = choice.request_fields;
  options.ca_file = choice.ca_file;
  options.context_tokens = use.context_tokens;
  if (choice.max_in_flight > 0) options.max_in_flight = choice.max_in_flight;
  options.max_attempts = choice.attempts;
  if (choice.timeout_seconds > 0) {
    options.total_timeout = std::chrono::seconds(choice.timeout_seconds);
    // The first byte of a reply that is not streamed comes with the last.
    options.first_byte_timeout = options.total_timeout;
    options.connect_timeout = std::min(options.connect_timeout, options.total_timeout);
  }
  return options;
}

std::vector<UsedFile> files_of(const ModelChoice& choice) {
  return {{"--model", is_shipped_model(choice.model) ? "" : choice.model},
          {"--tokenizer", choice.tokenizer},
          {"--ca-file", choice.ca_file}};
}

bool may_be_served_as(const std::string& name, const std::string& identity) {
  const std::string start = "served as " + name;
  return identity == start || identity.starts_with(start + ", ");
}

std::string model_identity(const ModelChoice& choice, const LanguageModel* model) {
  if (!choice.local()) {
    MEMAGENT_CHECK(model != nullptr, "{} is not open", choice.model_name);
    return "served as " + model->capabilities().name;
  }
  return fmt::format("local {:016x}", model_contents_hash(choice.model));
}

}  // namespace memagent
