// The policy network as a LanguageModel, for rollouts on the device that it is trained on: batched
// generation with a KV cache, through the network's own weights. The third of the three
// implementations; the CPU engine (model/local) is faster on a CPU and cannot leave it.
//
// Requests are admitted in order as long as the cache has room for prompt and response, prefilled
// side by side without padding, and then decoded together, a token of each a step. Those whose
// prompts begin with the same `shared_prefix_tokens` tokens compute and keep these once, and so do
// later ones, until use() or until the room is needed. Draws are the engine's: a function of
// (seed, position), with the same tokens for the same logits.
//
// Sums over a batch depend on its size in the last digits, so results depend on what is decoded
// together; and that is made a function of what was submitted in which order, and not of the clock:
// wait() with a timeout of 0 hands over what is ready and computes nothing.
//
// A failure of the device is no failed generation: it comes out of wait() as LibTorch's exception,
// and ends the run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "memagent/language_model.h"
#include "train/policy_network.h"

namespace memagent {

struct TorchModelOptions {
  // Requests decoded together. Unset: 64, and on a GPU, which is busy with reading the weights
  // until some hundred requests share them, 256.
  std::optional<std::int32_t> max_running = std::nullopt;
  std::int64_t prefill_tokens = 8192;  // prompt tokens worked on between decode steps, about
  // Of keys and values; a quarter of it is for shared beginnings.
  std::int64_t cache_bytes = std::int64_t{1} << 30;
  std::int32_t context_tokens = 0;  // 0: the network's
  bool share_prefixes = true;
};

class TorchModel final : public LanguageModel {
 public:
  // `network`: one to generate with (PolicyNetwork::generator). Throws Error(kUsage) for options
  // that cannot be, and a cache that holds no token.
  TorchModel(std::shared_ptr<const PolicyNetwork> network,
             std::shared_ptr<const Tokenizer> tokenizer, std::string chat_template,
             std::string name, const TorchModelOptions& options);
  ~TorchModel() override;

  // From now on this one, of the same configuration, or the same whose weights have changed. What
  // was kept for later prompts is forgotten and the cache's memory given back, until a request
  // comes. Null: none, until the next call. Nothing may be in flight.
  void use(std::shared_ptr<const PolicyNetwork> network);

  const Capabilities& capabilities() const override;
  std::shared_ptr<const Tokenizer> tokenizer() const override;
  const std::string& chat_template() const override;
  RequestId submit(GenerationRequest request) override;
  void cancel(RequestId id) override;
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override;
  void wake() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
