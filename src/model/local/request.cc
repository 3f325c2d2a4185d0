#include "model/local/request.h"

#include <algorithm>

#include "base/fail.h"

namespace memagent {

void check_request(const GenerationRequest& request, const RequestLimits& limits) {
  const auto prompt = static_cast<std::int64_t>(request.prompt.tokens.size());
  if (prompt == 0 || request.max_tokens < 1) {
    fail(ErrorKind::kUsage,
         "a request needs prompt tokens and room for a response: it has {} and {}", prompt,
         request.max_tokens);
  }
  const std::int64_t total = prompt + request.max_tokens;
  if (total > limits.context_tokens || total > limits.cache_tokens) {
    fail(ErrorKind::kUsage,
         "a prompt of {} tokens and a response of {} do not fit: the context has {} tokens and the "
         "KV cache {}",
         prompt, request.max_tokens, limits.context_tokens, limits.cache_tokens);
  }
  for (const TokenId token : request.prompt.tokens) {
    if (token < 0 || token >= limits.vocab_size) {
      fail(ErrorKind::kUsage, "token {} is outside the vocabulary of {}", token, limits.vocab_size);
    }
  }
}

std::optional<StopReason> take_token(const GenerationRequest& request, const Tokenizer& tokenizer,
                                     const SampledToken& sampled, GenerationResult& result) {
  ++result.generated_tokens;
  if (request.logprobs) result.logprobs.push_back(sampled.logprob);
  const auto& ends = tokenizer.end_tokens();
  if (std::ranges::find(ends, sampled.token) != ends.end()) {
    result.end_token = sampled.token;
    return StopReason::kEnd;
  }
  result.tokens.push_back(sampled.token);
  result.text += tokenizer.token_bytes(sampled.token);
  if (request.on_text) request.on_text(result.text);
  const auto& complete = request.complete_responses;
  if (std::ranges::find(complete, result.text) != complete.end()) return StopReason::kEnd;
  if (result.generated_tokens >= request.max_tokens) return StopReason::kLength;
  return std::nullopt;
}

}  // namespace memagent
