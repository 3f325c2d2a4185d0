#include "model/remote/wire.h"

#include <algorithm>
#include <cmath>

#include "format/untrusted_json.h"
#include "model/remote/one_line.h"

namespace memagent {
namespace {

// The text of a `content`: a string, or parts of which those of type text count.
std::optional<std::string> content_text(const Json& content) {
  if (content.is_null()) return std::string();
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return std::nullopt;
  std::string text;
  for (const Json& part : content) {
    if (part.is_object() && member(part, "text").is_string()) {
      text += member(part, "text").get_ref<const std::string&>();
    }
  }
  return text;
}

void read_usage(const Json& usage, WireReply& reply) {
  reply.prompt_tokens = count_or(member(usage, "prompt_tokens"), reply.prompt_tokens);
  reply.generated_tokens = count_or(member(usage, "completion_tokens"), reply.generated_tokens);
  const Json& details = member(usage, "prompt_tokens_details");
  reply.cached_prompt_tokens =
      count_or(member(details, "cached_tokens"), reply.cached_prompt_tokens);
}

// llama.cpp says how much of the prompt was cached beside the usage, not in it.
void read_timings(const Json& body, WireReply& reply) {
  if (reply.cached_prompt_tokens == 0) {
    reply.cached_prompt_tokens = count_or(member(member(body, "timings"), "cache_n"), 0);
  }
  if (reply.prompt_tokens >= 0) {
    reply.cached_prompt_tokens = std::min(reply.cached_prompt_tokens, reply.prompt_tokens);
  }
}

// Takes a finish_reason that is not null.
void read_finish(const Json& reason, ReplyCheck& check) {
  const std::string name = string_or(reason, "");
  if (name == "length") {
    check.reply.stop = StopReason::kLength;
  } else if (name == "content_filter") {
    check.problem = "the server's content filter stopped the response";
    check.final = true;
  } else if (name == "abort" || name == "error") {
    check.problem =
        "the server gave up in the middle of the response (finish_reason '" + name + "')";
  } else {
    check.reply.stop = StopReason::kEnd;
  }
}

std::string what_came(std::string_view body) {
  const std::string shown = one_line(body, 80);
  if (shown.empty()) return "an empty reply came";
  std::string start = shown.substr(0, 15);
  std::transform(start.begin(), start.end(), start.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) {
    return "HTML came instead of JSON: '" + shown + "'";
  }
  if (start.starts_with('{')) return "broken JSON came: '" + shown + "'";
  return "something other than JSON came: '" + shown + "'";
}

std::optional<std::string> error_in(const Json& body) {
  const Json& error = member(body, "error");
  if (error.is_string()) return one_line(error.get_ref<const std::string&>());
  if (member(error, "message").is_string()) {
    return one_line(member(error, "message").get_ref<const std::string&>());
  }
  if (!error.is_null()) return one_line(error.dump(-1, ' ', false, Json::error_handler_t::replace));
  return std::nullopt;
}

// A byte of GPT-2's printable alphabet back to the byte it stands for; -1 for other characters.
int byte_of_letter(char32_t letter) {
  const auto printable = [](char32_t b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  if (printable(letter)) return static_cast<int>(letter);
  if (letter < 0x100 || letter >= 0x100 + 68) return -1;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 0x100; ++byte) {
    if (printable(byte)) continue;
    if (next == letter) return static_cast<int>(byte);
    ++next;
  }
  return -1;
}

// The code points of valid UTF-8 (JSON strings have been checked).
std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t j = 1; j < length && i + j < text.size(); ++j) {
      point = (point << 6) | (static_cast<unsigned char>(text[i + j]) & 0x3FU);
    }
    points += point;
    i += length;
  }
  return points;
}

// The bytes of a token written in the alphabet of byte-level vocabularies.
std::optional<std::string> byte_level_bytes(const std::string& token) {
  std::string bytes;
  for (const char32_t letter : code_points(token)) {
    const int byte = byte_of_letter(letter);
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

// One element of llama.cpp's reply: {"id": 1, "piece": "text" or [bytes]}.
std::optional<Piece> llama_piece(const Json& token) {
  const std::int64_t id = count_or(member(token, "id"), -1);
  if (id < 0 || id > INT32_MAX) return std::nullopt;
  Piece piece{static_cast<TokenId>(id), {}};
  const Json& bytes = member(token, "piece");
  if (bytes.is_string()) {
    piece.bytes = bytes.get<std::string>();
  } else if (bytes.is_array()) {
    for (const Json& byte : bytes) {
      const std::int64_t value = count_or(byte, -1);
      if (value < 0 || value > 255) return std::nullopt;
      piece.bytes += static_cast<char>(value);
    }
  } else {
    return std::nullopt;
  }
  return piece;
}

// A float as the decimal number that was meant by it: 0.7, not 0.699999988.
double decimal(float value) { return std::round(static_cast<double>(value) * 1e6) / 1e6; }

}  // namespace

std::string plain_prompt(const std::vector<Message>& messages) {
  const bool dialogue = std::any_of(messages.begin(), messages.end(),
                                    [](const Message& m) { return m.role == "assistant"; });
  std::string prompt;
  for (const Message& message : messages) {
    if (dialogue && message.role == "user") prompt += "User: ";
    if (dialogue && message.role == "assistant") prompt += "Assistant: ";
    prompt += message.content;
    prompt += "\n\n";
  }
  if (dialogue) prompt += "Assistant:";
  return prompt;
}

std::string request_body(const GenerationRequest& request, const std::string& model,
                         const WireDialect& dialect, bool stream) {
  Json body = {{"model", model}};
  if (dialect.api == EndpointApi::kChat) {
    Json messages = Json::array();
    for (const Message& message : request.prompt.messages) {
      messages.push_back({{"role", message.role}, {"content", message.content}});
    }
    body["messages"] = std::move(messages);
  } else {
    body["prompt"] = plain_prompt(request.prompt.messages);
  }
  body[dialect.max_completion_tokens ? "max_completion_tokens" : "max_tokens"] = request.max_tokens;
  const Sampling& sampling = request.sampling;
  body["temperature"] = decimal(sampling.temperature);
  if (sampling.top_p < 1.0F) body["top_p"] = decimal(sampling.top_p);
  if (sampling.top_k > 0) body["top_k"] = sampling.top_k;
  if (sampling.min_p > 0.0F) body["min_p"] = decimal(sampling.min_p);
  if (sampling.temperature > 0.0F) body["seed"] = sampling.seed & 0x7FFFFFFFU;
  if (stream) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  if (!dialect.extra_fields.empty()) body.update(Json::parse(dialect.extra_fields));
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ReplyCheck read_reply(std::string_view body, EndpointApi api) {
  ReplyCheck check;
  const std::optional<Json> parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) {
    check.problem = what_came(body);
    return check;
  }
  const Json& choice = first(member(*parsed, "choices"));
  if (!choice.is_object()) {
    const std::optional<std::string> error = error_in(*parsed);
    check.problem = error ? "the server says '" + *error + "'"
                          : "a reply without choices came: '" + one_line(body, 80) + "'";
    return check;
  }
  const Json& message = member(choice, "message");
  if (api == EndpointApi::kChat ? !message.is_object() : !member(choice, "text").is_string()) {
    check.problem = "a choice without " +
                    std::string(api == EndpointApi::kChat ? "message" : "text") + " came: '" +
                    one_line(body, 80) + "'";
    return check;
  }
  std::optional<std::string> text =
      content_text(api == EndpointApi::kChat ? member(message, "content") : member(choice, "text"));
  if (!text) {
    check.problem = "a message whose content is no text came: '" + one_line(body, 80) + "'";
    return check;
  }
  check.reply.text = std::move(*text);
  read_usage(member(*parsed, "usage"), check.reply);
  read_timings(*parsed, check.reply);
  read_finish(member(choice, "finish_reason"), check);
  return check;
}

StreamReader::StreamReader(EndpointApi api, std::vector<std::string> complete_responses,
                           std::size_t max_event_bytes)
    : sse_(max_event_bytes), api_(api), complete_responses_(std::move(complete_responses)) {}

bool StreamReader::feed(std::string_view bytes) {
  const bool more = sse_.feed(bytes, [this](std::string_view data) { return take_event(data); });
  if (sse_.too_large()) result_.problem = "an event longer than the limit came";
  return more;
}

bool StreamReader::take_event(std::string_view data) {
  any_event_ = true;
  if (data == "[DONE]") return true;
  const std::optional<Json> parsed = parse_json(data);
  if (!parsed || !parsed->is_object()) {
    result_.problem = "in the stream " + what_came(data);
    return false;
  }
  const Json& choice = first(member(*parsed, "choices"));
  if (!choice.is_object()) {
    if (const std::optional<std::string> error = error_in(*parsed)) {
      result_.problem = "the server says '" + *error + "'";
      return false;
    }
  } else {
    const std::optional<std::string> text =
        content_text(api_ == EndpointApi::kChat ? member(member(choice, "delta"), "content")
                                                : member(choice, "text"));
    if (!text) {
      result_.problem =
          "in the stream a delta whose content is no text came: '" + one_line(data, 80) + "'";
      return false;
    }
    if (!text->empty()) {
      if (complete_) return false;  // it goes on: close the stream
      ++text_events_;
      result_.reply.text += *text;
      complete_ = std::find(complete_responses_.begin(), complete_responses_.end(),
                            result_.reply.text) != complete_responses_.end();
    }
    const Json& reason = member(choice, "finish_reason");
    if (!reason.is_null()) {
      finished_ = true;
      read_finish(reason, result_);
    }
  }
  read_usage(member(*parsed, "usage"), result_.reply);
  read_timings(*parsed, result_.reply);
  return result_.problem.empty();
}

ReplyCheck StreamReader::check() const {
  ReplyCheck check = result_;
  if (!check.problem.empty()) return check;
  if (!finished_ && !complete_) {
    check.problem = any_event_ ? "the stream ended in the middle of the response"
                               : "a stream without events came";
    return check;
  }
  // Servers send one token an event, give or take; it stands in where no usage came.
  if (check.reply.generated_tokens < 0) check.reply.generated_tokens = text_events_;
  return check;
}

std::string error_message(std::string_view body) {
  const std::optional<Json> parsed = parse_json(body);
  if (parsed) {
    if (std::optional<std::string> error = error_in(*parsed)) return *error;
    for (const char* key : {"message", "detail"}) {
      const Json& text = member(*parsed, key);
      if (text.is_string()) return one_line(text.get_ref<const std::string&>());
    }
  }
  return one_line(body);
}

std::optional<std::vector<ServedModel>> read_models(std::string_view body) {
  const std::optional<Json> parsed = parse_json(body);
  if (!parsed || !member(*parsed, "data").is_array()) return std::nullopt;
  std::vector<ServedModel> models;
  for (const Json& entry : member(*parsed, "data")) {
    if (!member(entry, "id").is_string()) continue;
    const Json& meta = member(entry, "meta");
    std::int64_t context = count_or(member(entry, "max_model_len"), 0);
    if (context == 0) context = count_or(member(meta, "n_ctx"), 0);
    // memagent serve: it takes any length, but prompts of a reading should fit the model's window.
    if (context == 0) context = count_or(member(member(entry, "memagent"), "window_tokens"), 0);
    const std::int64_t vocab = count_or(member(meta, "n_vocab"), 0);
    models.push_back({member(entry, "id").get<std::string>(),
                      static_cast<std::int32_t>(std::min<std::int64_t>(context, INT32_MAX)),
                      static_cast<std::int32_t>(std::min<std::int64_t>(vocab, INT32_MAX))});
  }
  return models;
}

std::int32_t read_props_context(std::string_view body) {
  const std::optional<Json> parsed = parse_json(body);
  if (!parsed) return 0;
  std::int64_t context =
      count_or(member(member(*parsed, "default_generation_settings"), "n_ctx"), 0);
  if (context == 0) context = count_or(member(*parsed, "n_ctx"), 0);
  return static_cast<std::int32_t>(std::min<std::int64_t>(context, INT32_MAX));
}

std::string tokenize_body(TokenizeForm form, const std::string& model, std::string_view text) {
  Json body;
  if (form == TokenizeForm::kLlamaCpp) {
    body = {
        {"content", text}, {"add_special", false}, {"parse_special", false}, {"with_pieces", true}};
  } else {
    body = {{"model", model},
            {"prompt", text},
            {"add_special_tokens", false},
            {"return_token_strs", true}};
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::vector<Piece>> read_tokens(TokenizeForm form, std::string_view body,
                                              std::string_view text) {
  const std::optional<Json> parsed = parse_json(body);
  if (!parsed || !member(*parsed, "tokens").is_array()) return std::nullopt;
  const Json& tokens = member(*parsed, "tokens");
  std::vector<Piece> pieces;
  pieces.reserve(tokens.size());
  if (form == TokenizeForm::kLlamaCpp) {
    for (const Json& token : tokens) {
      std::optional<Piece> piece = llama_piece(token);
      if (!piece) return std::nullopt;
      pieces.push_back(std::move(*piece));
    }
  } else {
    const Json& strings = member(*parsed, "token_strs");
    if (!strings.is_array() || strings.size() != tokens.size()) return std::nullopt;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::int64_t id = count_or(tokens[i], -1);
      if (id < 0 || id > INT32_MAX || !strings[i].is_string()) return std::nullopt;
      std::optional<std::string> bytes = byte_level_bytes(strings[i].get<std::string>());
      if (!bytes) return std::nullopt;
      pieces.push_back({static_cast<TokenId>(id), std::move(*bytes)});
    }
  }
  std::string_view left = text;
  for (const Piece& piece : pieces) {
    if (piece.bytes.empty() || !left.starts_with(piece.bytes)) return std::nullopt;
    left.remove_prefix(piece.bytes.size());
  }
  if (!left.empty()) return std::nullopt;
  return pieces;
}

}  // namespace memagent
