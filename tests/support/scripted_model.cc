#include "support/scripted_model.h"

#include <algorithm>

#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/random.h"

namespace memagent::test {

ScriptedModel::ScriptedModel(ScriptedModelOptions options, Script script)
    : options_(std::move(options)), script_(std::move(script)) {
  capabilities_.tokens = options_.tokens;
  capabilities_.logprobs = options_.tokens;
  capabilities_.context_tokens = options_.context_tokens;
  capabilities_.parallel = options_.parallel;
  capabilities_.name = "scripted";
}

RequestId ScriptedModel::submit(GenerationRequest request) {
  MEMAGENT_CHECK(request.prompt.messages.empty() == options_.tokens,
                 "token models are given tokens, text models messages");
  MEMAGENT_CHECK(request.prompt.tokens.empty() != options_.tokens,
                 "token models are given tokens, text models messages");
  MEMAGENT_CHECK(request.max_tokens > 0, "max_tokens {}", request.max_tokens);
  if (options_.context_tokens > 0 && options_.tokens) {
    const std::int64_t needed =
        static_cast<std::int64_t>(request.prompt.tokens.size()) + request.max_tokens;
    if (needed > options_.context_tokens) {
      fail(ErrorKind::kUsage, "request of {} tokens is longer than the context of {}", needed,
           options_.context_tokens);
    }
  }
  const std::size_t number = submissions_++;
  const RequestId id = number + 1;
  const std::uint64_t spread = static_cast<std::uint64_t>(options_.max_waits - options_.min_waits);
  const std::size_t delay = static_cast<std::size_t>(options_.min_waits) +
                            RandomStream(derive(options_.seed, number)).below(spread + 1);
  due_[waits_ + delay + 1].push_back(id);
  if (options_.record) submitted_.push_back(request);
  running_.emplace(id, Running{std::move(request), number});
  most_in_flight_ = std::max(most_in_flight_, running_.size());
  return id;
}

void ScriptedModel::cancel(RequestId id) {
  const auto found = running_.find(id);
  if (found == running_.end() || found->second.cancelled) return;
  found->second.cancelled = true;
  cancelled_.push_back(id);
}

void ScriptedModel::wait(std::vector<GenerationResult>& results,
                         std::chrono::milliseconds timeout) {
  last_timeout_ = timeout;
  if (on_wait) on_wait();
  ++waits_;
  std::int32_t given = 0;
  while (!due_.empty() && due_.begin()->first <= waits_) {
    std::deque<RequestId>& ready = due_.begin()->second;
    while (!ready.empty()) {
      if (options_.results_per_wait > 0 && given == options_.results_per_wait) return;
      const auto found = running_.find(ready.front());
      ready.pop_front();
      results.push_back(finish(found->first, found->second));
      running_.erase(found);
      ++given;
    }
    due_.erase(due_.begin());
  }
}

std::string ScriptedModel::prompt_text(const GenerationRequest& request) const {
  if (options_.tokens) return options_.tokenizer->decode(request.prompt.tokens);
  std::string text;
  for (const Message& message : request.prompt.messages) text += message.content + "\n";
  return text;
}

GenerationResult ScriptedModel::finish(RequestId id, const Running& running) const {
  const GenerationRequest& request = running.request;
  const std::size_t max_tokens = static_cast<std::size_t>(request.max_tokens);
  GenerationResult result;
  result.id = id;
  result.prompt_tokens = static_cast<std::int64_t>(
      options_.tokens ? request.prompt.tokens.size()
                      : options_.tokenizer->encode(prompt_text(request)).size());
  if (running.cancelled) {
    result.stop = StopReason::kCancelled;
    return result;
  }
  const bool told_to_fail = std::find(options_.failing.begin(), options_.failing.end(),
                                      running.number) != options_.failing.end();
  const Reply reply = told_to_fail ? Reply{.error = "told to fail"} : script_(request);
  if (!reply.error.empty()) {
    result.stop = StopReason::kFailed;
    result.error = reply.error;
    return result;
  }

  const std::vector<TokenId> said =
      reply.tokens ? *reply.tokens : options_.tokenizer->encode(reply.text);
  const auto complete = [&](const std::string& text) {
    return std::find(request.complete_responses.begin(), request.complete_responses.end(), text) !=
           request.complete_responses.end();
  };
  std::vector<TokenId> tokens;
  bool completed = false;
  while (tokens.size() < std::min(said.size(), max_tokens) && !completed) {
    tokens.push_back(said[tokens.size()]);
    result.text += options_.tokenizer->token_bytes(tokens.back());
    if (request.on_text) request.on_text(result.text);
    completed = complete(result.text);
  }
  // An end token takes a place in the budget, too.
  const bool end_token = !completed && tokens.size() < max_tokens;
  result.stop = completed || end_token ? StopReason::kEnd : StopReason::kLength;
  result.generated_tokens = static_cast<std::int64_t>(tokens.size()) + (end_token ? 1 : 0);
  if (request.logprobs) {
    RandomStream random(request.sampling.seed);
    for (std::int64_t i = 0; i < result.generated_tokens; ++i) {
      result.logprobs.push_back(-static_cast<float>(random.below(1024)) / 256.0F);
    }
  }
  if (options_.tokens) result.tokens = std::move(tokens);
  return result;
}

std::string made_up_reply(const GenerationRequest& request, const std::string& prompt_text,
                          const std::vector<std::string>& vocabulary, std::size_t max_words) {
  Hash64 hash;
  hash.update(prompt_text);
  RandomStream random(derive(hash.value(), request.sampling.seed));
  std::string reply;
  const std::uint64_t words = random.below(max_words + 1);
  for (std::uint64_t i = 0; i < words; ++i) reply += vocabulary[random.below(vocabulary.size())];
  return reply;
}

}  // namespace memagent::test
