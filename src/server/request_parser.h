// The body of a request to /v1/chat/completions or /v1/completions as a struct.
//
// A pure function of bytes from anywhere: the depth of the JSON and how many values it has are
// bounded here, its size by whoever read the body. Fields that would change the answer and cannot
// be honoured (tools, n, logit_bias, ...) are errors; other unknown fields are passed over, as
// clients send many; unknown fields of `memagent` are errors, since they can only be meant for us.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

// Text, or a file that was uploaded.
struct ContentPart {
  std::string text;
  std::string file_id;  // if not empty, there is no text
};

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool"; "developer" becomes "system"
  std::vector<ContentPart> parts;
};

// Whether a conversation is read in sections.
enum class ReadMode {
  kAuto,    // if it does not fit the model's window
  kAlways,  // also if it fits
  kNever,   // not even then: it is refused
};

enum class CompletionApi { kChat, kText };

struct CompletionRequest {
  CompletionApi api = CompletionApi::kChat;
  std::string model;                  // empty: not said
  std::vector<ChatMessage> messages;  // of kText: the prompt as one user message
  bool stream = false;
  bool include_usage = false;              // as the last event of a stream
  std::optional<std::int32_t> max_tokens;  // at least 1
  std::vector<std::string> stop;           // at most 4, not empty

  // From the field `memagent`.
  std::optional<ReadMode> read;
  std::optional<std::string> question;
  std::vector<std::string> questions;  // instead of one: they share the reading
  std::optional<std::string> document;
  std::optional<std::string> session;  // the name it is kept under
  // One flat JSON object of settings: those of `memagent`, and temperature, top_p, top_k, min_p and
  // seed of the request itself.
  std::string settings_json = "{}";
};

// `setting_keys`: what `memagent` may have besides read, question, questions, document and
// session. Throws ApiError (400) naming the field.
CompletionRequest parse_completion_request(CompletionApi api, std::string_view body,
                                           std::span<const std::string> setting_keys);

// Throws ApiError (400) listing the choices.
ReadMode parse_read_mode(const std::string& name);

}  // namespace memagent
