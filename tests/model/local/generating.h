// Requests of random prompts, and a model that carries them out: for tests of whatever generates
// from a random_model().
#pragma once

#include <cstdint>
#include <vector>

#include "memagent/language_model.h"

namespace memagent::test {

// Of a vocabulary of 256.
std::vector<TokenId> random_tokens(std::size_t count, std::uint64_t seed);
// With log-probabilities.
GenerationRequest request(std::vector<TokenId> prompt, std::int32_t max_tokens,
                          Sampling sampling = {}, std::int32_t shared_prefix_tokens = 0);
// All at once; the results in the order of the requests.
std::vector<GenerationResult> run(LanguageModel& model, std::vector<GenerationRequest> requests);

}  // namespace memagent::test
