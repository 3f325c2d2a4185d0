#include "model/local/generating.h"

#include <map>
#include <utility>

#include "base/random.h"

namespace memagent::test {

std::vector<TokenId> random_tokens(std::size_t count, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<TokenId> tokens(count);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random.below(256));
  return tokens;
}

GenerationRequest request(std::vector<TokenId> prompt, std::int32_t max_tokens, Sampling sampling,
                          std::int32_t shared_prefix_tokens) {
  GenerationRequest out;
  out.prompt.tokens = std::move(prompt);
  out.max_tokens = max_tokens;
  out.sampling = sampling;
  out.shared_prefix_tokens = shared_prefix_tokens;
  out.logprobs = true;
  return out;
}

std::vector<GenerationResult> run(LanguageModel& model, std::vector<GenerationRequest> requests) {
  constexpr std::chrono::milliseconds kLong{600'000};
  std::map<RequestId, std::size_t> index;
  for (std::size_t i = 0; i < requests.size(); ++i) index[model.submit(std::move(requests[i]))] = i;
  std::vector<GenerationResult> out(index.size());
  std::size_t done = 0;
  while (done < out.size()) {
    std::vector<GenerationResult> results;
    model.wait(results, kLong);
    done += results.size();
    for (GenerationResult& result : results) out[index.at(result.id)] = std::move(result);
  }
  return out;
}

}  // namespace memagent::test
