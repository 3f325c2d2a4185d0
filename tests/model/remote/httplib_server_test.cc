// The client against an HTTP server that we did not write: cpp-httplib's, with keep-alive, chunked
// bodies and its own idea of headers.
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <thread>

#include "memagent/remote_model.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

class HttplibServer : public testing::Test {
 protected:
  HttplibServer() {
    server_.Get("/v1/models", [](const httplib::Request&, httplib::Response& reply) {
      reply.set_content(R"({"data":[{"id":"m"}]})", "application/json");
    });
  }
  ~HttplibServer() override {
    model_.reset();
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  LanguageModel& open() {
    const int port = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
    RemoteModelOptions options;
    options.urls = {"http://127.0.0.1:" + std::to_string(port) + "/v1"};
    options.first_retry_wait = std::chrono::milliseconds(1);
    options.max_in_flight = 4;  // below the server's number of threads
    model_ = open_remote_model(options);
    return *model_;
  }
  std::vector<GenerationResult> ask(int times, std::vector<std::string> complete_responses = {}) {
    for (int i = 0; i < times; ++i) {
      GenerationRequest request;
      request.prompt.messages = {{"user", std::string(100'000, 'x')}};
      request.max_tokens = 10;
      request.complete_responses = complete_responses;
      model_->submit(std::move(request));
    }
    std::vector<GenerationResult> results;
    while (results.size() < static_cast<std::size_t>(times)) {
      model_->wait(results, std::chrono::minutes(1));
    }
    return results;
  }

  httplib::Server server_;
  std::thread thread_;
  std::unique_ptr<LanguageModel> model_;
};

TEST_F(HttplibServer, PlainReplies) {
  std::atomic<std::size_t> bytes{0};
  server_.Post("/v1/chat/completions",
               [&](const httplib::Request& request, httplib::Response& reply) {
                 bytes += request.body.size();
                 reply.set_content(chat_reply("an answer"), "application/json");
               });
  open();
  for (const GenerationResult& result : ask(50)) EXPECT_EQ(result.text, "an answer");
  EXPECT_GT(bytes, 50U * 100'000);
}

TEST_F(HttplibServer, ChunkedStreams) {
  server_.Post("/v1/chat/completions", [](const httplib::Request&, httplib::Response& reply) {
    reply.set_chunked_content_provider(
        "text/event-stream", [](std::size_t, httplib::DataSink& sink) {
          for (const std::string& event :
               {chat_event("UP"), chat_event("DATE"),
                std::string("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"),
                std::string("data: [DONE]\n\n")}) {
            if (!sink.write(event.data(), event.size())) return false;
          }
          sink.done();
          return true;
        });
  });
  open();
  for (const GenerationResult& result : ask(20, {"KEEP"})) EXPECT_EQ(result.text, "UPDATE");
}

TEST_F(HttplibServer, EndlessStreamIsClosedWhenTheResponseIsComplete) {
  std::atomic<int> closed{0};
  server_.Post("/v1/chat/completions", [&](const httplib::Request&, httplib::Response& reply) {
    reply.set_chunked_content_provider("text/event-stream",
                                       [&](std::size_t, httplib::DataSink& sink) {
                                         std::string event = chat_event("KEEP");
                                         while (sink.write(event.data(), event.size())) {
                                           event = chat_event(" and");
                                         }
                                         ++closed;
                                         return false;
                                       });
  });
  open();
  for (const GenerationResult& result : ask(4, {"KEEP"})) EXPECT_EQ(result.text, "KEEP");
  while (closed < 4) std::this_thread::yield();
}

TEST_F(HttplibServer, ItsOwnErrorPages) {
  open();  // no such page: 404
  const GenerationResult result = ask(1)[0];
  EXPECT_EQ(result.stop, StopReason::kFailed);
  EXPECT_NE(result.error.find("HTTP 404"), std::string::npos) << result.error;
}

}  // namespace
}  // namespace memagent
