// The engine as a LanguageModel: right against the definition in double, and the same whatever is
// in the batch, however prompts are cut, however many threads there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "memagent/error.h"
#include "model/local/generating.h"
#include "model/local/local_model.h"
#include "model/local/random_model.h"
#include "model/local/retyped.h"

namespace memagent {
namespace {

using test::random_model;
using test::random_tokens;
using test::RandomModelOptions;
using test::request;
using test::run;

constexpr std::chrono::milliseconds kLong{600'000};

bool same(const GenerationResult& a, const GenerationResult& b) {
  return a.tokens == b.tokens && a.logprobs == b.logprobs && a.stop == b.stop && a.text == b.text;
}

struct Family {
  Architecture architecture;
  bool tied_output;
};

class FamilyTest : public ::testing::TestWithParam<Family> {};

TEST_P(FamilyTest, LogProbabilitiesEqualTheDefinition) {
  RandomModelOptions options;
  options.architecture = GetParam().architecture;
  options.tied_output = GetParam().tied_output;
  const auto file = random_model(options);
  const auto model = make_local_model(file, {.threads = 2});
  // Past one page, so that keys of an earlier page are attended to.
  const auto prompt = random_tokens(70, 5);
  const GenerationResult result = run(*model, {request(prompt, 8)})[0];
  std::vector<TokenId> all = prompt;
  all.insert(all.end(), result.tokens.begin(), result.tokens.end());
  const auto expected = test::reference_logprobs(*file, all);
  ASSERT_GE(result.tokens.size(), 1U);
  for (std::size_t i = 0; i < result.tokens.size(); ++i) {
    const auto& row = expected[prompt.size() - 1 + i];
    // Two layers of float sums over at most 96 terms, and f16 rounding that can fall to the other
    // side (2^-11) for a few of the 70 keys.
    EXPECT_NEAR(result.logprobs[i], row[static_cast<std::size_t>(result.tokens[i])], 2e-3) << i;
    EXPECT_NEAR(result.logprobs[i], *std::ranges::max_element(row), 2e-3) << "greedy " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyTest,
                         ::testing::Values(Family{Architecture::kLlama, false},
                                           Family{Architecture::kQwen2, true},
                                           Family{Architecture::kQwen3, true}),
                         [](const auto& family) {
                           return std::string(to_string(family.param.architecture));
                         });

std::vector<GenerationRequest> mixed_requests() {
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 64; ++i) {
    Sampling sampling;
    if (i % 2 == 1) sampling = {.temperature = 1.0F, .seed = i};
    if (i % 4 == 3) sampling.top_p = 0.8F;
    requests.push_back(request(random_tokens(1 + i * 3, i), 12, sampling));
  }
  return requests;
}

TEST(Engine, BatchOf64Equals64BatchesOfOne) {
  for (const TensorType type : {TensorType::kF32, TensorType::kQ8_0, TensorType::kQ4_0}) {
    const auto file = random_model({.type = type});
    const auto together =
        run(*make_local_model(file, {.threads = 2, .max_running = 64}), mixed_requests());
    const auto model = make_local_model(file, {.threads = 1, .max_running = 1});
    auto requests = mixed_requests();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto alone = run(*model, {requests[i]})[0];
      ASSERT_TRUE(same(alone, together[i])) << to_string(type) << " request " << i;
    }
  }
}

TEST(Engine, ThreadsAndChunksDoNotChangeAnything) {
  const auto file = random_model({.type = TensorType::kQ8_0});
  const auto expected = run(*make_local_model(file, {.threads = 1}), mixed_requests());
  for (const std::int32_t chunk : {1, 7, 64, 100}) {
    const auto actual =
        run(*make_local_model(file, {.threads = 3, .max_running = 5, .prefill_chunk = chunk}),
            mixed_requests());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(same(actual[i], expected[i])) << "chunk " << chunk << " request " << i;
    }
  }
}

TEST(Engine, SharedPrefixEqualsUnshared) {
  const auto file = random_model({});
  const auto prefix = random_tokens(200, 1);
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 6; ++i) {
    auto prompt = prefix;
    const auto tail = random_tokens(10 + i, 100 + i);
    prompt.insert(prompt.end(), tail.begin(), tail.end());
    requests.push_back(request(std::move(prompt), 8));
    requests.back().shared_prefix_tokens = 200;
  }
  const auto shared = run(*make_local_model(file, {.threads = 2}), requests);
  EXPECT_EQ(shared[0].cached_prompt_tokens, 0);
  for (std::size_t i = 1; i < shared.size(); ++i) {
    EXPECT_EQ(shared[i].cached_prompt_tokens, 200) << "three pages and eight tokens of " << i;
    const auto alone = run(*make_local_model(file, {.threads = 2}), {requests[i]})[0];
    EXPECT_EQ(alone.cached_prompt_tokens, 0);
    EXPECT_TRUE(same(alone, shared[i])) << i;
  }
  const auto apart =
      run(*make_local_model(file, {.threads = 2, .share_prefixes = false}), requests);
  for (std::size_t i = 0; i < apart.size(); ++i) {
    EXPECT_EQ(apart[i].cached_prompt_tokens, 0);
    EXPECT_TRUE(same(apart[i], shared[i])) << i;
  }
}

TEST(Engine, EqualPromptsAreComputedOnce) {
  const auto file = random_model({});
  const auto alone = make_local_model(file, {.threads = 1});
  // Shorter than a page, whole pages, and more; with room for all of them and for three.
  for (const std::size_t tokens : {20, 128, 150}) {
    std::vector<GenerationRequest> requests;
    for (std::uint64_t i = 0; i < 6; ++i) {
      requests.push_back(
          request(random_tokens(tokens, 7), i < 2 ? 1 : 70, {.temperature = 1, .seed = i}));
    }
    requests.push_back(request(random_tokens(tokens, 8), 5));
    for (const std::int32_t running : {64, 3}) {
      const auto results =
          run(*make_local_model(file, {.threads = 2, .max_running = running}), requests);
      std::size_t computed = 0;
      for (std::size_t i = 0; i < results.size(); ++i) {
        const auto one = run(*alone, {requests[i]})[0];
        EXPECT_TRUE(same(one, results[i])) << tokens << " tokens, request " << i;
        if (results[i].cached_prompt_tokens == 0) ++computed;
      }
      if (running == 64) {
        EXPECT_EQ(computed, 2U) << tokens << " tokens";
      }
    }
    const auto apart =
        run(*make_local_model(file, {.threads = 2, .share_prefixes = false}), requests);
    for (const GenerationResult& result : apart) EXPECT_EQ(result.cached_prompt_tokens, 0);
  }
}

TEST(Engine, EqualOfACancelledRequestIsComputed) {
  const auto file = random_model({});
  const auto model = make_local_model(file, {.threads = 1, .prefill_chunk = 16});
  const RequestId first = model->submit(request(random_tokens(100, 7), 5));
  model->submit(request(random_tokens(100, 7), 5));
  std::vector<GenerationResult> results;
  model->wait(results, std::chrono::milliseconds(0));
  model->cancel(first);
  while (results.size() < 2) model->wait(results, std::chrono::milliseconds(100));
  EXPECT_EQ(results[0].stop, StopReason::kCancelled);
  EXPECT_TRUE(
      same(results[1], run(*make_local_model(file, {}), {request(random_tokens(100, 7), 5)})[0]));
}

TEST(Engine, RetainedPrefixIsFoundByLaterRequests) {
  const auto model = make_local_model(random_model({}), {.threads = 1});
  const auto expect_found = [&](const GenerationRequest& kept) {
    const auto first = run(*model, {kept})[0];
    const auto second = run(*model, {kept})[0];
    EXPECT_EQ(second.cached_prompt_tokens, kept.shared_prefix_tokens);
    EXPECT_TRUE(same(first, second));
  };
  auto pages = request(random_tokens(150, 1), 4);
  pages.shared_prefix_tokens = 128;
  expect_found(pages);
  // Of a page that is shared in part, that part; of its beginning, as much as is the same.
  auto part = request(random_tokens(150, 3), 4);
  part.shared_prefix_tokens = 100;
  expect_found(part);
  for (std::size_t i = 90; i < 150; ++i) part.prompt.tokens[i] = 0;
  const auto branch = run(*model, {part})[0];
  EXPECT_EQ(branch.cached_prompt_tokens, 90);
  EXPECT_TRUE(same(branch, run(*make_local_model(random_model({}), {.threads = 1}), {part})[0]));
  // Without the hint nothing is kept.
  const auto other = request(random_tokens(150, 2), 4);
  run(*model, {other});
  EXPECT_EQ(run(*model, {other})[0].cached_prompt_tokens, 0);
}

TEST(Engine, CacheSmallerThanTheRequestsStillServesAll) {
  const auto file = random_model({.context_tokens = 256});
  // Room for one context only: requests take turns.
  const auto model =
      make_local_model(file, {.threads = 2, .kv_cache_bytes = 4 * 2 * 2 * 2 * 16 * 64 * 2});
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 9; ++i) {
    requests.push_back(request(random_tokens(100 + i, i), 20));
    requests.back().shared_prefix_tokens = 80;
  }
  const auto results = run(*model, requests);
  const auto large = make_local_model(file, {.threads = 2});
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_TRUE(same(results[i], run(*large, {requests[i]})[0])) << i;
  }
}

TEST(Engine, CompleteResponseEndsGeneration) {
  const auto model = make_local_model(random_model({}), {.threads = 1});
  const auto free = run(*model, {request(random_tokens(20, 3), 6)})[0];
  ASSERT_GE(free.tokens.size(), 3U);
  auto stopped = request(random_tokens(20, 3), 6);
  stopped.complete_responses = {"never this", free.text.substr(0, 2)};
  const auto result = run(*model, {stopped})[0];
  EXPECT_EQ(result.text, free.text.substr(0, 2));
  EXPECT_EQ(result.stop, StopReason::kEnd);
  EXPECT_EQ(result.generated_tokens, 2);
}

TEST(Engine, ResponsesCanBeWatchedAsTheyGrow) {
  const auto model = make_local_model(random_model({}), {.threads = 1});
  auto watched = request(random_tokens(20, 3), 6);
  std::vector<std::string> seen;
  watched.on_text = [&](std::string_view so_far) { seen.emplace_back(so_far); };
  const auto result = run(*model, {watched})[0];
  ASSERT_EQ(seen.size(), result.tokens.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i], model->tokenizer()->decode({result.tokens.data(), i + 1}));
  }
}

TEST(Engine, EndTokenIsCountedButNotPartOfTheResponse) {
  // Sampling hot enough to meet one of the two end tokens among 260 soon.
  const auto model = make_local_model(random_model({}), {.threads = 1});
  bool met = false;
  for (std::uint64_t seed = 0; seed < 20 && !met; ++seed) {
    const auto result =
        run(*model, {request(random_tokens(5, 1), 500, {.temperature = 3.0F, .seed = seed})})[0];
    if (result.stop != StopReason::kEnd) continue;
    met = true;
    EXPECT_EQ(result.generated_tokens, static_cast<std::int64_t>(result.tokens.size()) + 1);
    EXPECT_EQ(result.logprobs.size(), result.tokens.size() + 1);
  }
  // Each of 10,000 draws ends with probability near 1/130.
  EXPECT_TRUE(met);
}

TEST(Engine, CancelledRequestsComeBackAndLeaveRoom) {
  const auto model = make_local_model(random_model({}), {.threads = 1, .max_running = 1});
  const RequestId running = model->submit(request(random_tokens(50, 1), 900));
  const RequestId waiting = model->submit(request(random_tokens(50, 2), 900));
  std::vector<GenerationResult> results;
  model->wait(results, std::chrono::milliseconds(0));
  model->cancel(running);
  model->cancel(waiting);
  model->cancel(12345);
  while (results.size() < 2) model->wait(results, kLong);
  EXPECT_EQ(results[0].stop, StopReason::kCancelled);
  EXPECT_EQ(results[1].stop, StopReason::kCancelled);
  EXPECT_EQ(run(*model, {request(random_tokens(50, 3), 3)})[0].tokens.size(), 3U);
}

TEST(Engine, RefusesWhatCanNeverBeDone) {
  const auto model = make_local_model(random_model({}), {.threads = 1});
  EXPECT_THROW(model->submit(request(random_tokens(1000, 1), 100)), Error);
  EXPECT_THROW(model->submit(request({}, 5)), Error);
  EXPECT_THROW(model->submit(request({1}, 0)), Error);
  EXPECT_THROW(model->submit(request({-1}, 5)), Error);
  EXPECT_THROW(model->submit(request({100'000}, 5)), Error);
  EXPECT_THROW(make_local_model(random_model({}), {.threads = -1}), Error);
  EXPECT_THROW(make_local_model(random_model({}), {.kv_cache_bytes = 100}), Error);
}

TEST(Engine, WaitReturnsAtOnceWhenIdleOrWoken) {
  const auto model = make_local_model(random_model({}), {.threads = 1});
  std::vector<GenerationResult> results;
  model->wait(results, kLong);
  EXPECT_TRUE(results.empty());
  model->submit(request(random_tokens(5, 1), 2));
  model->wake();
  model->wait(results, kLong);
  EXPECT_TRUE(results.empty());
  model->wait(results, kLong);
  EXPECT_EQ(results.size(), 1U);
}

// Between training steps: afterwards the engine is like a fresh one, bit for bit, and nothing of
// the prompts it kept is found again.
TEST(Engine, WeightsAreReplacedInPlace) {
  RandomModelOptions options;
  const auto before = random_model(options);
  options.seed = 2;
  const auto after = random_model(options);
  const auto requests = [] {
    std::vector<GenerationRequest> out;
    for (const std::size_t length : {150, 150, 40}) {
      out.push_back(request(random_tokens(length, 9), 12, {.temperature = 1.0F, .seed = length}));
      out.back().shared_prefix_tokens = 128;
    }
    return out;
  };
  const auto model = make_local_model(before, {.threads = 2});
  const auto of_before = run(*model, requests());
  model->replace_weights(after);
  const auto replaced = run(*model, requests());
  const auto fresh = run(*make_local_model(after, {.threads = 2}), requests());
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    EXPECT_TRUE(same(replaced[i], fresh[i])) << "request " << i;
    EXPECT_FALSE(same(replaced[i], of_before[i])) << "request " << i;
    EXPECT_EQ(replaced[i].cached_prompt_tokens, fresh[i].cached_prompt_tokens);
  }
  model->replace_weights(before);
  const auto back = run(*model, requests());
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_TRUE(same(back[i], of_before[i]));

  // Of another type, too.
  const std::shared_ptr<const ModelFile> bytes = retyped(*after, TensorType::kQ8_0);
  model->replace_weights(bytes);
  const auto in_bytes = run(*model, requests());
  const auto fresh_in_bytes = run(*make_local_model(bytes, {.threads = 2}), requests());
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    EXPECT_TRUE(same(in_bytes[i], fresh_in_bytes[i])) << "request " << i;
    EXPECT_NE(in_bytes[i].logprobs, fresh[i].logprobs);
  }
}

TEST(Engine, WeightsAreNotReplacedUnderARequestNorByOthersOfAnotherShape) {
  const auto model = make_local_model(random_model({}), {.threads = 1});
  RandomModelOptions wide;
  wide.ffn_dim = 128;
  EXPECT_THROW(model->replace_weights(random_model(wide)), std::logic_error);
  model->submit(request(random_tokens(10, 1), 3));
  EXPECT_THROW(model->replace_weights(random_model({})), std::logic_error);
}

// A weight that is no number makes every score one: the request fails, and nothing else does.
TEST(Engine, DamagedWeightsFailTheRequest) {
  const auto file = random_model({});
  const auto norm = file->tensor("output_norm.weight").data;
  const float nan = std::nanf("");
  std::memcpy(const_cast<std::byte*>(norm.data()), &nan, sizeof nan);
  const auto model = make_local_model(file, {.threads = 1});
  for (const Sampling& sampling :
       {Sampling{}, Sampling{.temperature = 1.0F}, Sampling{.temperature = 1.0F, .top_p = 0.9F}}) {
    const GenerationResult result = run(*model, {request(random_tokens(10, 1), 4, sampling)})[0];
    EXPECT_EQ(result.stop, StopReason::kFailed);
    EXPECT_THAT(result.error, testing::HasSubstr("weights are damaged"));
  }
}

}  // namespace
}  // namespace memagent
