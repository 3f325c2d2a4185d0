// The one interface between agents and whatever generates text: the CPU engine, an
// OpenAI-compatible server, a torch network, a script in a test.
//
// Requests are submitted and results collected as they finish, in any order. One thread owns a
// model: submit, cancel and wait are called from that thread; wake() from any. A failed generation
// is a result like any other (StopReason::kFailed), never an exception out of wait().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/tokenizer.h"

namespace memagent {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// Token models are given `tokens`, text models `messages`; never both.
struct Prompt {
  std::vector<TokenId> tokens;
  std::vector<Message> messages;
};

// How a token is drawn from the logits: top_k, then top_p, then min_p filter the distribution at
// `temperature`; the draw for response position t is a function of (seed, t) alone, whatever else
// is in the batch.
struct Sampling {
  float temperature = 0.0F;  // 0: greedy
  std::int32_t top_k = 0;    // 0: off
  float top_p = 1.0F;        // 1: off
  float min_p = 0.0F;        // 0: off
  std::uint64_t seed = 0;
};

struct GenerationRequest {
  Prompt prompt;
  Sampling sampling;
  std::int32_t max_tokens = 0;  // at most this many response tokens
  // Generation ends as soon as the whole response text equals one of these (a gate's "keep" needs
  // nothing after it). Honoured exactly by local models; remote ones may generate on.
  std::vector<std::string> complete_responses;
  // Leading prompt tokens that other requests are likely to share; a hint to keep their KV cache.
  std::int32_t shared_prefix_tokens = 0;
  bool logprobs = false;  // fill GenerationResult::logprobs
  // If set, called from within wait() as the response grows, with all there is of it so far, which
  // may end inside a character. A response that is asked for again after a failure begins anew.
  // Models that cannot tell do not call it.
  std::function<void(std::string_view so_far)> on_text = {};
};

enum class StopReason {
  kEnd,        // an end token, or one of complete_responses
  kLength,     // max_tokens
  kCancelled,  // cancel() was called
  kFailed,     // see GenerationResult::error
};
const char* to_string(StopReason reason);

using RequestId = std::uint64_t;

struct GenerationResult {
  RequestId id = 0;
  // The sampled tokens, the end token excluded. Empty for text models.
  std::vector<TokenId> tokens;
  std::string text;  // the bytes of tokens; for text models the response
  // Of each sampled token under the distribution it was drawn from before top-k, top-p and min-p
  // filtering, at the request's temperature (at temperature 1 for greedy). One per token of
  // `tokens`, then one for the end token if stop is kEnd by an end token. Natural logarithm.
  std::vector<float> logprobs;
  StopReason stop = StopReason::kEnd;
  TokenId end_token = -1;  // the end token sampled, where stop is kEnd by one
  std::string error;       // one line; only when stop is kFailed
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_prompt_tokens = 0;  // of which found in the KV cache
  std::int64_t generated_tokens = 0;      // end token included
};

struct Capabilities {
  bool tokens = false;  // takes and gives token ids
  bool logprobs = false;
  bool prefix_sharing = false;      // requests that begin alike share their prefill
  std::int32_t context_tokens = 0;  // prompt and response together; 0: not known
  std::int32_t parallel = 1;        // requests worth having in flight
  std::string name;                 // for traces and reports
};

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual const Capabilities& capabilities() const = 0;
  // For token models the model's own; for text models whatever budgets are measured with.
  virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;
  // The Jinja chat template shipped with the model, empty if none; only looked at to tell families.
  virtual const std::string& chat_template() const = 0;

  // Throws Error(kUsage) for a request that can never be carried out (longer than the context).
  virtual RequestId submit(GenerationRequest request) = 0;
  // The result still arrives through wait(), as kCancelled. Unknown ids are ignored.
  virtual void cancel(RequestId id) = 0;
  // Works until at least one result is ready, the timeout passes or wake() is called, and appends
  // what is ready to `results`. Returns at once if nothing is in flight.
  virtual void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) = 0;
  // Makes a wait() under way, or the next one, return. Safe from any thread and signal handlers.
  virtual void wake() = 0;
};

}  // namespace memagent
