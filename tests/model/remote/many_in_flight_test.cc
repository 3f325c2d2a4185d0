// A thousand requests at once, against the loopback server that benchmarks use.
#include <gtest/gtest.h>

#include <thread>

#include "../bench/echo_server.h"
#include "memagent/remote_model.h"

namespace memagent {
namespace {

TEST(ManyInFlight, AThousandRequestsAtOnceAreAllAnswered) {
  bench::allow_many_connections();
  // Late enough that all are in flight before the first is answered.
  bench::EchoServer server({.delay = std::chrono::milliseconds(300)});
  std::thread thread([&] { server.run(); });
  {
    RemoteModelOptions options;
    options.urls = {"http://127.0.0.1:" + std::to_string(server.port()) + "/v1"};
    options.max_in_flight = 1000;
    const auto model = open_remote_model(options);
    std::vector<bool> seen(3000, false);
    for (int i = 0; i < 3000; ++i) {
      GenerationRequest request;
      request.prompt.messages = {{"user", "[[fact " + std::to_string(i) + ": word]] KEEP"}};
      request.max_tokens = 10;
      if (i % 2 == 1) request.complete_responses = {"KEEP"};
      EXPECT_EQ(model->submit(std::move(request)), static_cast<RequestId>(i + 1));
    }
    std::size_t count = 0;
    while (count < seen.size()) {
      std::vector<GenerationResult> results;
      model->wait(results, std::chrono::minutes(1));
      ASSERT_FALSE(results.empty());
      for (const GenerationResult& result : results) {
        EXPECT_EQ(result.text, "UPDATE\nnoted " + std::to_string(result.id - 1) + "=word.")
            << result.error;
        EXPECT_FALSE(seen[result.id - 1]);
        seen[result.id - 1] = true;
        ++count;
      }
    }
  }
  server.stop();
  thread.join();
  EXPECT_EQ(server.answered(), 3000);
}

}  // namespace
}  // namespace memagent
