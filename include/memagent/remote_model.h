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
  kChat,  // POST {url}/chat/completions
  // POST {url}/completions. The prompt is the messages' contents, each followed by an empty line;
  // a conversation with an assistant's message in it gets "User: " and "Assistant: " before them.
  kCompletions,
};

struct RemoteModelOptions {
  // Base URLs ending in /v1, balanced by least outstanding requests.
  std::vector<std::string> urls;
  std::string model;    // the `model` field of requests; empty: the server's first model
  std::string api_key;  // sent as a bearer token; never logged
  EndpointApi api = EndpointApi::kChat;
  // A JSON object whose fields are added to every request, over those of the same name: what a
  // server understands beyond the common API, such as
  // {"chat_template_kwargs": {"enable_thinking": false}}. Empty: none.
  std::string extra_fields;
  // Certificates (PEM) that TLS servers are checked against; empty: the system's.
  std::string ca_file;
  // A tokenizer file for budgets; empty: the server's tokenize endpoint, else the estimate.
  std::string tokenizer_path;
  std::int32_t context_tokens = 0;  // 0: ask the server (max_model_len, n_ctx), else unknown
  std::int32_t max_in_flight = 64;  // over all endpoints
  std::int32_t max_attempts = 6;    // per request, first one included
  // Of each attempt. Those that pass first_byte_timeout or total_timeout, and replies that are no
  // replies (HTML, half a JSON), are tried three times at most.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds first_byte_timeout{300'000};
  std::chrono::milliseconds total_timeout{900'000};
  std::chrono::milliseconds first_retry_wait{500};  // doubled each attempt up to 60 s, with jitter
  std::int64_t max_response_bytes = 8 << 20;
};

// Contacts the servers once to learn what they serve. Throws Error(kUsage) for bad options,
// Error(kModel) if no endpoint answers.
//
// Requests go to the endpoint with the fewest outstanding ones. 408, 409, 429, 5xx and broken
// connections are retried, on another endpoint where there is one; an endpoint that fails is put
// aside and probed, and one that says 429 gets fewer requests at once. Other statuses are final and
// carry the server's message. Requests with complete_responses or on_text are streamed, and
// the stream is closed when the response goes on behind one of the former; without a reply's usage,
// prompt and response are counted here. Proxies are libcurl's: http_proxy, https_proxy, no_proxy.
//
// Control tokens written out in a message ("<|im_end|>") are the server's to treat as text or not.
std::unique_ptr<LanguageModel> open_remote_model(const RemoteModelOptions& options);

// What the server itself calls a model of this Capabilities::name, which also says how its tokens
// are counted. Names of other models stay as they are.
std::string served_model_name(const std::string& name);

}  // namespace memagent
