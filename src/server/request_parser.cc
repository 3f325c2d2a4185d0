#include "server/request_parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "format/untrusted_json.h"
#include "server/api_error.h"

namespace memagent {
namespace {

// A value of two bytes takes fifty once it is parsed. Some 50,000 messages are fewer.
constexpr std::size_t kMostValues = 200'000;

[[noreturn]] void refuse(const std::string& param, const std::string& message) {
  throw ApiError(400, fmt::format("{}: {}", param, message), param);
}

// Missing and null are the same to OpenAI's clients.
const Json* find(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_null() ? nullptr : &value;
}

bool flag(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) refuse(key, "must be true or false");
  return value->get<bool>();
}

std::string text_or_empty(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr) return "";
  if (!value->is_string()) refuse(key, "must be a string");
  return value->get<std::string>();
}

void check_number(const Json& value, const char* key, double least, double most) {
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < least ||
      value.get<double>() > most) {
    refuse(key, fmt::format("must be a number from {} to {}", least, most));
  }
}

void check_whole(const Json& value, const char* key, std::int64_t least, std::int64_t most) {
  if (!value.is_number_integer() || value < least || value > most) {
    refuse(key, fmt::format("must be a whole number from {} to {}", least, most));
  }
}

ContentPart read_part(const Json& part, const std::string& where) {
  if (!part.is_object()) refuse(where, "each part must be an object with a type");
  const std::string type = string_or(member(part, "type"), "");
  if (type == "text" || type == "input_text" || type == "output_text") {
    if (!member(part, "text").is_string()) refuse(where, "a part of type text needs its text");
    return {member(part, "text").get<std::string>(), ""};
  }
  if (type == "file") {
    const std::string id = string_or(member(member(part, "file"), "file_id"), "");
    if (id.empty()) {
      refuse(where, "a part of type file needs file.file_id of a file uploaded to /v1/files");
    }
    return {"", id};
  }
  refuse(where, fmt::format("parts of type '{}' cannot be read: send text or file", type));
}

ChatMessage read_message(const Json& message, const std::string& where) {
  if (!message.is_object()) refuse(where, "must be an object with role and content");
  ChatMessage result;
  result.role = string_or(member(message, "role"), "");
  if (result.role == "developer") result.role = "system";
  if (result.role == "function") result.role = "tool";
  if (result.role != "system" && result.role != "user" && result.role != "assistant" &&
      result.role != "tool") {
    refuse(where + ".role", "must be system, developer, user, assistant or tool");
  }
  const Json& content = member(message, "content");
  if (content.is_string()) {
    result.parts.push_back({content.get<std::string>(), ""});
  } else if (content.is_array()) {
    for (std::size_t i = 0; i < content.size(); ++i) {
      result.parts.push_back(read_part(content[i], fmt::format("{}.content[{}]", where, i)));
    }
  } else if (!content.is_null()) {
    refuse(where + ".content", "must be a string or an array of parts");
  }
  return result;
}

std::vector<ChatMessage> read_messages(const Json& body) {
  const Json& messages = member(body, "messages");
  if (!messages.is_array() || messages.empty()) {
    refuse("messages", "must be an array of at least one message");
  }
  std::vector<ChatMessage> result;
  result.reserve(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    result.push_back(read_message(messages[i], fmt::format("messages[{}]", i)));
  }
  return result;
}

std::vector<ChatMessage> read_prompt(const Json& body) {
  const Json* prompt = &member(body, "prompt");
  if (prompt->is_array() && prompt->size() == 1) prompt = &prompt->front();
  if (!prompt->is_string()) refuse("prompt", "must be one string");
  return {{"user", {{prompt->get<std::string>(), ""}}}};
}

void read_max_tokens(const Json& body, CompletionRequest& request) {
  for (const char* key : {"max_completion_tokens", "max_tokens"}) {
    const Json* value = find(body, key);
    if (value == nullptr) continue;
    check_whole(*value, key, 1, INT32_MAX);
    if (!request.max_tokens) request.max_tokens = value->get<std::int32_t>();
  }
}

void read_stop(const Json& body, CompletionRequest& request) {
  constexpr std::size_t kMost = 4;
  const Json* stop = find(body, "stop");
  if (stop == nullptr) return;
  const Json list = stop->is_string() ? Json::array({*stop}) : *stop;
  if (!list.is_array() || list.size() > kMost) {
    refuse("stop", "must be a string or an array of up to 4 strings");
  }
  for (const Json& text : list) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
      refuse("stop", "must be strings that are not empty");
    }
    request.stop.push_back(text.get<std::string>());
  }
}

// What would have to change the answer, and does not.
void refuse_what_cannot_be_honoured(const Json& body) {
  const auto refuse_unless = [&](const char* key, bool harmless, const char* why) {
    if (!harmless) refuse(key, why);
  };
  const auto is_off = [&](const char* key) {
    const Json* value = find(body, key);
    return value == nullptr || value->empty() || *value == false || *value == 0 || *value == 0.0 ||
           *value == "none";
  };
  const auto is_one = [&](const char* key) {
    const Json* value = find(body, key);
    return value == nullptr || *value == 1;
  };
  refuse_unless("n", is_one("n"), "only one answer is given: leave it out");
  refuse_unless("best_of", is_one("best_of"), "only one answer is given: leave it out");
  refuse_unless("tools", is_off("tools"), "tools cannot be called: leave them out");
  refuse_unless("functions", is_off("functions"), "functions cannot be called: leave them out");
  refuse_unless("logprobs", is_off("logprobs"), "are not given: leave it out");
  refuse_unless("logit_bias", is_off("logit_bias"), "is not supported: leave it out");
  refuse_unless("echo", is_off("echo"), "is not supported: leave it out");
  refuse_unless("suffix", is_off("suffix"), "is not supported: leave it out");
  refuse_unless("presence_penalty", is_off("presence_penalty"), "is not supported: leave it out");
  refuse_unless("frequency_penalty", is_off("frequency_penalty"), "is not supported: leave it out");
  if (const Json* format = find(body, "response_format")) {
    refuse_unless("response_format", member(*format, "type") == "text",
                  "only {\"type\": \"text\"} is supported");
  }
}

Json read_sampling(const Json& body) {
  Json settings = Json::object();
  const auto take = [&](const char* key, double most) {
    if (const Json* value = find(body, key)) {
      check_number(*value, key, 0, most);
      settings[key] = *value;
    }
  };
  take("temperature", 100);
  take("top_p", 1);
  // OpenAI's clients may say so: of the tokens only the likeliest.
  if (settings.contains("top_p") && settings["top_p"] == 0) {
    settings.erase("top_p");
    settings["temperature"] = 0;
  }
  take("min_p", 1);
  if (const Json* value = find(body, "top_k")) {
    check_whole(*value, "top_k", -1, INT32_MAX);
    settings["top_k"] = std::max<std::int64_t>(0, value->get<std::int64_t>());
  }
  if (const Json* value = find(body, "seed")) {
    if (!value->is_number_integer()) refuse("seed", "must be a whole number");
    settings["seed"] = value->is_number_unsigned()
                           ? value->get<std::uint64_t>()
                           : static_cast<std::uint64_t>(value->get<std::int64_t>());
  }
  return settings;
}

// Each is read, remembered and answered by itself, so a request may cost as many readings.
std::vector<std::string> read_questions(const Json& list) {
  constexpr std::size_t kMost = 32;
  const char* where = "memagent.questions";
  if (!list.is_array() || list.empty() || list.size() > kMost) {
    refuse(where, fmt::format("must be an array of 1 to {} strings", kMost));
  }
  std::vector<std::string> questions;
  for (const Json& text : list) {
    if (!text.is_string()) refuse(where, "must be strings");
    questions.push_back(text.get<std::string>());
    if (questions.back().find_first_not_of(" \t\r\n\f\v") == std::string::npos) {
      refuse(where, fmt::format("question {} is empty", questions.size()));
    }
  }
  return questions;
}

// Its routes have the name in their path.
std::string session_name(std::string name) {
  if (name.find('/') != std::string::npos || name == "." || name == "..") {
    refuse("memagent.session", "must be a name without / that is not . or ..");
  }
  return name;
}

void read_own_field(const Json& own, std::span<const std::string> setting_keys,
                    CompletionRequest& request, Json& settings) {
  if (!own.is_object()) refuse("memagent", "must be an object");
  for (const auto& [key, value] : own.items()) {
    const std::string where = "memagent." + key;
    if (key == "read" || key == "question" || key == "document" || key == "session") {
      if (!value.is_string()) refuse(where, "must be a string");
      if (key == "read") request.read = parse_read_mode(value.get<std::string>());
      if (key == "question") request.question = value.get<std::string>();
      if (key == "document") request.document = value.get<std::string>();
      if (key == "session") request.session = session_name(value.get<std::string>());
    } else if (key == "questions") {
      request.questions = read_questions(value);
    } else if (std::find(setting_keys.begin(), setting_keys.end(), key) != setting_keys.end()) {
      if (!value.is_string() && !value.is_number()) refuse(where, "must be a number or a string");
      settings[key] = value;
    } else {
      refuse(where, fmt::format("there is no such field: choose among read, question, questions, "
                                "document, session, {}",
                                fmt::join(setting_keys, ", ")));
    }
  }
  if (request.question && request.question->empty()) refuse("memagent.question", "is empty");
  if (request.question && !request.questions.empty()) {
    refuse("memagent.questions", "stands beside memagent.question: leave one of them out");
  }
}

}  // namespace

ReadMode parse_read_mode(const std::string& name) {
  if (name == "auto") return ReadMode::kAuto;
  if (name == "always") return ReadMode::kAlways;
  if (name == "never") return ReadMode::kNever;
  throw ApiError(400, fmt::format("read: unknown '{}': choose auto, always or never", name),
                 "memagent.read");
}

CompletionRequest parse_completion_request(CompletionApi api, std::string_view body,
                                           std::span<const std::string> setting_keys) {
  const std::optional<Json> parsed = parse_json(body, kMostValues);
  if (!parsed || !parsed->is_object()) {
    throw ApiError(400,
                   fmt::format("the body is not a JSON object: check its syntax, that it is UTF-8, "
                               "is nested at most 64 deep, and has at most {} values",
                               kMostValues));
  }
  CompletionRequest request;
  request.api = api;
  request.model = text_or_empty(*parsed, "model");
  request.messages = api == CompletionApi::kChat ? read_messages(*parsed) : read_prompt(*parsed);
  request.stream = flag(*parsed, "stream");
  if (const Json* options = find(*parsed, "stream_options")) {
    if (!options->is_object()) refuse("stream_options", "must be an object");
    request.include_usage = flag(*options, "include_usage");
  }
  read_max_tokens(*parsed, request);
  read_stop(*parsed, request);
  refuse_what_cannot_be_honoured(*parsed);
  Json settings = read_sampling(*parsed);
  if (const Json* own = find(*parsed, "memagent")) {
    read_own_field(*own, setting_keys, request, settings);
  }
  request.settings_json = settings.dump();
  return request;
}

}  // namespace memagent
