// A LanguageModel whose answers are a function of the request, for tests and for measuring
// everything around a model. No weights, no clock: time is counted in calls of wait().
//
//   ScriptedModel model({.seed = 7}, [](const GenerationRequest& request) {
//     return Reply{.text = request.prompt.tokens.size() > 100 ? "long" : "short"};
//   });
//
// It keeps the contract of language_model.h: max_tokens cuts the reply, complete_responses end it,
// results may arrive out of order, failures and cancellations are results.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "memagent/language_model.h"
#include "support/byte_tokenizer.h"

namespace memagent::test {

// What the model says. With `error` the generation fails instead.
struct Reply {
  std::string text = {};
  std::string error = {};
  // Token models: these ids instead of the encoding of `text`.
  std::optional<std::vector<TokenId>> tokens = {};
};

using Script = std::function<Reply(const GenerationRequest&)>;

struct ScriptedModelOptions {
  bool tokens = true;  // token ids in and out, else messages and text
  std::shared_ptr<const Tokenizer> tokenizer = byte_tokenizer();
  std::string chat_template = {};
  std::int32_t context_tokens = 0;
  std::int32_t parallel = 4;
  // A request is ready after this many other calls of wait(), drawn per request from `seed` between
  // the two bounds: results overtake one another when they differ.
  std::int32_t min_waits = 0;
  std::int32_t max_waits = 0;
  std::int32_t results_per_wait = 0;  // at most so many results from one wait(); 0: all
  std::uint64_t seed = 0;
  // Fails the requests with these numbers (in order of submission, from 0), whatever the script.
  std::vector<std::size_t> failing = {};
  bool record = true;  // keep every submitted request; off for measuring
};

class ScriptedModel : public LanguageModel {
 public:
  ScriptedModel(ScriptedModelOptions options, Script script);

  const Capabilities& capabilities() const override { return capabilities_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return options_.tokenizer; }
  const std::string& chat_template() const override { return options_.chat_template; }
  RequestId submit(GenerationRequest request) override;
  void cancel(RequestId id) override;
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override;
  void wake() override {}  // wait() never blocks

  // The text of a prompt: tokens decoded, or messages one after another.
  std::string prompt_text(const GenerationRequest& request) const;

  // Records.
  const std::vector<GenerationRequest>& submitted() const { return submitted_; }
  const std::vector<RequestId>& cancelled() const { return cancelled_; }
  std::size_t submissions() const { return submissions_; }
  std::size_t in_flight() const { return running_.size(); }
  std::size_t most_in_flight() const { return most_in_flight_; }
  std::size_t waits() const { return waits_; }
  std::chrono::milliseconds last_timeout() const { return last_timeout_; }  // of wait()
  // Called at the start of every wait(), e.g. to interrupt at a known moment.
  std::function<void()> on_wait;

 private:
  struct Running {
    GenerationRequest request;
    std::size_t number;  // in order of submission
    bool cancelled = false;
  };
  GenerationResult finish(RequestId id, const Running& running) const;

  ScriptedModelOptions options_;
  Script script_;
  Capabilities capabilities_;
  std::unordered_map<RequestId, Running> running_;
  std::map<std::size_t, std::deque<RequestId>> due_;  // by the wait() they are ready at
  std::vector<GenerationRequest> submitted_;
  std::vector<RequestId> cancelled_;
  std::size_t submissions_ = 0;
  std::size_t most_in_flight_ = 0;
  std::size_t waits_ = 0;
  std::chrono::milliseconds last_timeout_{0};
};

// A reply made up from the whole prompt and the seed: a stand-in for sampling. It is up to
// `max_words` draws from `vocabulary`; equal (prompt, seed) give equal replies.
std::string made_up_reply(const GenerationRequest& request, const std::string& prompt_text,
                          const std::vector<std::string>& vocabulary, std::size_t max_words);

}  // namespace memagent::test
