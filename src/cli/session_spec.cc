#include "cli/session_spec.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "model/local/shipped_model.h"

namespace memagent {
namespace {

using nlohmann::json;

std::string absolute(const std::string& path) {
  if (path.empty() || path == "-" || is_shipped_model(path)) return path;
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  return error ? path : whole.lexically_normal().string();
}

// Names of files and of models need not be UTF-8; what is kept of them is.
std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> absolute(const std::vector<std::string>& paths) {
  std::vector<std::string> whole;
  whole.reserve(paths.size());
  for (const std::string& path : paths) whole.push_back(absolute(path));
  return whole;
}

}  // namespace

std::string session_identity(const ReadingOptions& reading, const ModelChoice& choice,
                             const LanguageModel* model) {
  json identity;
  identity["prompts"] = file_identity(reading.prompts, "built in");
  // What serves, and how it counts tokens, is known once it is open.
  if (choice.local() || model != nullptr) {
    identity["model"] = model_identity(choice, model);
  }
  if (!choice.local()) {
    identity["api"] = choice.api.empty() ? "chat" : choice.api;
    identity["request_fields"] = choice.request_fields;
    identity["tokenizer"] = file_identity(choice.tokenizer, "the server's");
  }
  return text_of(identity);
}

std::string session_reader(const AskSettings& settings, const std::string& identity) {
  json reader = json::parse(identity);
  if (settings.chat_format) reader["chat_format"] = to_string(*settings.chat_format);
  // Short, whatever fields requests have: the store finds sessions by it.
  Hash64 hash;
  hash.update(reader.dump());
  return fmt::format("{} {:016x}", reader.value("model", "").substr(0, 200), hash.value());
}

std::string session_settings(const AskSettings& settings, const std::string& identity) {
  json all = json::parse(to_json(settings));
  all.update(json::parse(identity));
  return text_of(all);
}

std::string session_sources(const DocumentChoice& document, const ModelChoice& choice,
                            const ReadingOptions& reading, const std::string& opened_as) {
  return text_of({{"files", absolute(document.files)},
                  {"documents", absolute(document.lists)},
                  {"model", absolute(choice.model)},
                  {"endpoints", choice.endpoints},
                  {"model_name", choice.model_name},
                  {"api", choice.api},
                  {"tokenizer", absolute(choice.tokenizer)},
                  {"request_fields", choice.request_fields},
                  {"ca_file", absolute(choice.ca_file)},
                  {"prompts", absolute(reading.prompts)},
                  {"opened_as", opened_as}});
}

}  // namespace memagent
