#include "model/local/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/random.h"

namespace memagent {
namespace {

struct Candidate {
  TokenId token;
  double weight;  // exp((logit - max) / temperature)
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
}

// Brings so many of the likeliest to the front, in order, as have `mass` together, one at least,
// and returns how many. Looks for them among few first: of a vocabulary of 150,000, a hundred
// mostly do, and sorting all of it takes as long as a model's step.
std::size_t likeliest_with(double mass, std::vector<Candidate>& candidates) {
  constexpr std::ptrdiff_t kFew = 256;
  const auto size = std::ssize(candidates);
  std::ptrdiff_t count = 0;
  double kept = 0.0;
  for (std::ptrdiff_t end = std::min(kFew, size);; end = std::min(4 * end, size)) {
    const auto from = candidates.begin() + count;
    const auto to = candidates.begin() + end;
    if (end < size) std::ranges::nth_element(from, to, candidates.end(), likelier);
    std::ranges::sort(from, to, likelier);
    while (count < end && (count == 0 || kept < mass)) {
      kept += candidates[static_cast<std::size_t>(count++)].weight;
    }
    if (count < end || end == size) return static_cast<std::size_t>(count);
  }
}

// The candidates the filters leave, likeliest first.
std::vector<Candidate> filtered(std::span<const float> logits, float max, const Sampling& sampling,
                                double total) {
  // With top_k or min_p most of the vocabulary can be dropped before sorting.
  std::vector<Candidate> candidates;
  const double floor = sampling.top_k <= 0 && sampling.top_p >= 1.0F ? sampling.min_p : 0.0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp(static_cast<double>(logits[i] - max) / sampling.temperature);
    if (weight >= floor) candidates.push_back({static_cast<TokenId>(i), weight});
  }
  if (sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < candidates.size()) {
    std::ranges::nth_element(candidates, candidates.begin() + sampling.top_k, likelier);
    candidates.resize(static_cast<std::size_t>(sampling.top_k));
    total = 0.0;
    for (const Candidate& candidate : candidates) total += candidate.weight;
  }
  if (sampling.top_p < 1.0F) {
    candidates.resize(likeliest_with(sampling.top_p * total, candidates));
  } else {
    std::ranges::sort(candidates, likelier);
  }
  if (sampling.min_p > 0.0F) {
    const double least = sampling.min_p * candidates.front().weight;
    std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.weight < least; });
  }
  return candidates;
}

TokenId draw(std::span<const float> logits, float max, const Sampling& sampling, double total,
             double random) {
  const bool unfiltered = sampling.top_k <= 0 && sampling.top_p >= 1.0F && sampling.min_p <= 0.0F;
  if (unfiltered) {
    double left = random * total;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      left -= std::exp(static_cast<double>(logits[i] - max) / sampling.temperature);
      if (left < 0.0) return static_cast<TokenId>(i);
    }
    // Rounding left a sliver: the likeliest stands in for it.
    return static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
  }
  const std::vector<Candidate> candidates = filtered(logits, max, sampling, total);
  double kept = 0.0;
  for (const Candidate& candidate : candidates) kept += candidate.weight;
  double left = random * kept;
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0.0) return candidate.token;
  }
  return candidates.front().token;
}

}  // namespace

SampledToken sample(const Kernels& kernels, std::span<const float> logits, const Sampling& sampling,
                    std::int64_t position, bool logprob) {
  const auto size = static_cast<std::int64_t>(logits.size());
  const auto best = static_cast<std::size_t>(kernels.argmax(logits.data(), size));
  const float max = logits[best];
  if (!std::isfinite(max)) return {kNoToken, 0.0F};
  const bool greedy = sampling.temperature <= 0.0F;
  const float temperature = greedy ? 1.0F : sampling.temperature;
  SampledToken out{static_cast<TokenId>(best), 0.0F};
  if (greedy && !logprob) return out;
  const double total = kernels.sum_exp(logits.data(), size, max, 1.0F / temperature);
  if (!greedy) {
    const double random = uniform(sampling.seed, static_cast<std::uint64_t>(position));
    out.token = draw(logits, max, sampling, total, random);
  }
  const double logit = logits[static_cast<std::size_t>(out.token)];
  out.logprob = static_cast<float>((logit - max) / temperature - std::log(total));
  return out;
}

}  // namespace memagent
