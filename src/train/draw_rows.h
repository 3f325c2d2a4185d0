// Draws one token from each of many rows of logits that may lie on another device.
//
// The draw is the engine's (model/local/sampler.h): rows on the CPU go through it as they are, and
// so do rows whose distribution is filtered, which are brought here first. Of all other rows only
// the outcome leaves the device: a whole vocabulary for each of hundreds of requests and every
// token would take longer to bring and to go through than the network takes to compute it.
#pragma once

#include <torch/types.h>

#include <span>
#include <vector>

#include "model/local/sampler.h"

namespace memagent {

struct RowDraw {
  const Sampling* sampling = nullptr;
  std::int64_t position = 0;  // of the response token being drawn
  bool logprob = false;
};

// logits [draws, vocab_size] float32.
std::vector<SampledToken> draw_rows(const torch::Tensor& logits, std::span<const RowDraw> draws);

// The same by torch's operations where the rows lie; no draw may be filtered (top_k, top_p, min_p).
// Sums are in double and in another order than the sampler's, so that a draw differs with odds of
// about 1e-7, the sampler's own rounding.
std::vector<SampledToken> draw_rows_in_place(const torch::Tensor& logits,
                                             std::span<const RowDraw> draws);

}  // namespace memagent
