// What tests of the client ask of servers on the loopback.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "memagent/remote_model.h"

namespace memagent {

constexpr const char* kChatPath = "/v1/chat/completions";

inline RemoteModelOptions options_for(const std::vector<std::string>& urls) {
  RemoteModelOptions options;
  options.urls = urls;
  options.first_retry_wait = std::chrono::milliseconds(1);
  return options;
}

inline GenerationRequest ask(const std::string& text) {
  GenerationRequest request;
  request.prompt.messages = {{"user", text}};
  request.max_tokens = 50;
  return request;
}

// Waits for `count` results, in order of request.
inline std::vector<GenerationResult> collect(LanguageModel& model, std::size_t count) {
  std::vector<GenerationResult> results;
  while (results.size() < count) {
    const std::size_t before = results.size();
    model.wait(results, std::chrono::minutes(2));
    if (results.size() == before) break;  // a time-out: the caller sees too few
  }
  std::sort(results.begin(), results.end(),
            [](const GenerationResult& a, const GenerationResult& b) { return a.id < b.id; });
  return results;
}

inline GenerationResult one(LanguageModel& model, GenerationRequest request) {
  model.submit(std::move(request));
  std::vector<GenerationResult> results = collect(model, 1);
  EXPECT_EQ(results.size(), 1U);
  return results.empty() ? GenerationResult() : results[0];
}

// Without the proxies of whoever runs the tests: all servers here are on the loopback.
inline const bool kNoProxies = [] {
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  return true;
}();

}  // namespace memagent
