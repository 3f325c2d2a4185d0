// Replies that are all but certain: from which there is next to nothing to learn.
#pragma once

#include <algorithm>
#include <cmath>

#include "memagent/language_model.h"

namespace memagent {

// Whether every token of a reply, its end token too, was more probable than `sure`.
inline bool is_sure(const GenerationResult& reply, double sure) {
  const auto least = static_cast<float>(std::log(sure));
  return std::ranges::all_of(reply.logprobs, [least](float logprob) { return logprob > least; });
}

}  // namespace memagent
