// Draws a token from logits. Pure: the same logits, sampling parameters and position give the same
// token, whatever else is going on.
#pragma once

#include <cstdint>
#include <span>

#include "memagent/language_model.h"
#include "model/local/kernels/kernels.h"

namespace memagent {

// The token of a row whose largest logit is not a number, or infinite: weights that are damaged.
inline constexpr TokenId kNoToken = -1;

struct SampledToken {
  TokenId token = 0;
  // Natural log of its probability under softmax(logits / temperature), before the filters; at
  // temperature 1 for greedy. 0 unless asked for.
  float logprob = 0.0F;
};

// `position`: index of the response token being drawn.
// Filters in order, each on what the one before left: the top_k most likely; the smallest set of
// most likely tokens with probability top_p or more (arXiv 1904.09751); tokens at least min_p times
// as likely as the likeliest (arXiv 2407.01082).
SampledToken sample(const Kernels& kernels, std::span<const float> logits, const Sampling& sampling,
                    std::int64_t position, bool logprob);

}  // namespace memagent
