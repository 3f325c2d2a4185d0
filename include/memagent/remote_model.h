// Models behind OpenAI-compatible servers (vLLM, SGLang, llama.cpp, hosted ones).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memagent/language_model.h"

namespace memagent {

enum class EndpointApi {
  kChat,         // POST {url}/chat/completions
  kCompletions,  // POST {url}/completions, the messages rendered by a chat template here
};

struct RemoteModelOptions {
  // Base URLs ending in /v1, balanced by least outstanding requests.
  std::vector<std::string> urls;
  std::string model;    // the `model` field of requests; empty: the server's first model
  std::string api_key;  // sent as a bearer token; never logged
  EndpointApi api = EndpointApi::kChat;
  // A tokenizer file for budgets; empty: the server's tokenize endpoint, else the estimate.
  std::string tokenizer_path;
  std::int32_t context_tokens = 0;  // 0: ask the server (max_model_len, n_ctx), else unknown
  std::int32_t max_in_flight = 64;  // over all endpoints
  std::int32_t max_attempts = 6;    // per request, first one included
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds first_byte_timeout{300'000};
  std::chrono::milliseconds total_timeout{900'000};
  std::chrono::milliseconds first_retry_wait{500};  // doubled each attempt, with jitter
  std::int64_t max_response_bytes = 8 << 20;
};

// Contacts the servers once to learn what they serve. Throws Error(kUsage) for bad options,
// Error(kModel) if no endpoint answers.
std::unique_ptr<LanguageModel> open_remote_model(const RemoteModelOptions& options);

}  // namespace memagent
