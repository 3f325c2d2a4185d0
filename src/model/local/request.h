// What an engine of ours does with a request besides computing logits, whichever engine it is:
// refuse what can never be carried out, and take one sampled token after another until the response
// is complete.
#pragma once

#include <cstdint>
#include <optional>

#include "memagent/language_model.h"
#include "model/local/sampler.h"

namespace memagent {

struct RequestLimits {
  std::int64_t context_tokens = 0;
  std::int64_t cache_tokens = 0;  // that the KV cache holds for one request
  std::int32_t vocab_size = 0;
};

// Throws Error(kUsage) for a request that can never be carried out.
void check_request(const GenerationRequest& request, const RequestLimits& limits);

// Adds what was sampled to the request's result, and tells on_text. Why generation ends with it, if
// it does; an end token is counted but is no part of the response.
std::optional<StopReason> take_token(const GenerationRequest& request, const Tokenizer& tokenizer,
                                     const SampledToken& sampled, GenerationResult& result);

}  // namespace memagent
