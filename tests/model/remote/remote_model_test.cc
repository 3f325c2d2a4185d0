// The whole client against scripted servers on the loopback: what is sent, and what is retried.
// Waits are configured to a millisecond; nothing is timed.
#include "memagent/remote_model.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "memagent/error.h"
#include "model/remote/remote_client.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string message_of(const std::function<void()>& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

// A port nobody listens on.
int dead_port() {
  const ScriptedServer server([](const auto&, auto&) {});
  return server.port();
}

TEST(RemoteModel, SendsARequestAndReadsTheReply) {
  ScriptedServer server([](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(200, chat_reply("an answer", "length", 12, 34));
  });
  RemoteModelOptions options = options_for({server.url()});
  options.api_key = "sk-secret-key";
  const auto model = open_remote_model(options);
  const GenerationResult result = one(*model, ask("a question"));
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.text, "an answer");
  EXPECT_EQ(result.stop, StopReason::kLength);
  EXPECT_EQ(result.prompt_tokens, 12);
  EXPECT_EQ(result.generated_tokens, 34);
  EXPECT_TRUE(result.tokens.empty());
  const ScriptedRequest sent = server.log(kChatPath).at(0);
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.headers.at("authorization"), "Bearer sk-secret-key");
  EXPECT_EQ(sent.headers.at("content-type"), "application/json");
  const Json body = Json::parse(sent.body);
  EXPECT_EQ(body.at("model"), "test-model") << "the first the server lists";
  EXPECT_EQ(body.at("messages").at(0).at("content"), "a question");
  EXPECT_FALSE(model->capabilities().tokens);
  EXPECT_EQ(model->capabilities().parallel, 64);
  EXPECT_EQ(model->capabilities().name, "test-model, tokens counted by an estimate");
  EXPECT_EQ(served_model_name(model->capabilities().name), "test-model");
  EXPECT_EQ(served_model_name("nano"), "nano");
}

TEST(RemoteModel, ConnectionsAreUsedAgain) {
  ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.reply(200, chat_reply("x")); });
  const auto model = open_remote_model(options_for({server.url()}));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(one(*model, ask("q")).text, "x");
  EXPECT_EQ(server.connections(), 1 + 1) << "one of the model, one of its tokenizer's probe";
}

TEST(RemoteModel, CompletionsApi) {
  ScriptedServer server([](const ScriptedRequest& request, ScriptedConnection& peer) {
    EXPECT_EQ(request.path, "/v1/completions");
    EXPECT_EQ(Json::parse(request.body).at("prompt"), "s\n\nq\n\n");
    peer.reply(200, R"({"choices":[{"text":"done","finish_reason":"stop"}]})");
  });
  RemoteModelOptions options = options_for({server.url()});
  options.api = EndpointApi::kCompletions;
  const auto model = open_remote_model(options);
  GenerationRequest request = ask("q");
  request.prompt.messages.insert(request.prompt.messages.begin(), {"system", "s"});
  const GenerationResult result = one(*model, std::move(request));
  EXPECT_EQ(result.text, "done");
  EXPECT_GT(result.prompt_tokens, 0) << "counted here: the server did not say";
  EXPECT_GT(result.generated_tokens, 0);
}

TEST(RemoteModel, ContextIsAskedOfTheServers) {
  const auto listing = [](int length) {
    return [length](const ScriptedRequest& request, ScriptedConnection& peer) {
      if (request.path == "/v1/models") {
        peer.reply(200, R"({"data":[{"id":"m","max_model_len":)" + std::to_string(length) + "}]}");
      } else {
        peer.reply(404, "");
      }
    };
  };
  ScriptedServer small(listing(4096), 0, true);
  ScriptedServer large(listing(32768), 0, true);
  EXPECT_EQ(
      open_remote_model(options_for({large.url(), small.url()}))->capabilities().context_tokens,
      4096);
  RemoteModelOptions told = options_for({large.url()});
  told.context_tokens = 1000;
  EXPECT_EQ(open_remote_model(told)->capabilities().context_tokens, 1000);
  ScriptedServer llama(
      [](const ScriptedRequest& request, ScriptedConnection& peer) {
        if (request.path == "/v1/models") return peer.reply(200, R"({"data":[{"id":"m"}]})");
        if (request.path == "/props") {
          return peer.reply(200, R"({"default_generation_settings":{"n_ctx":2048}})");
        }
        peer.reply(404, "");
      },
      0, true);
  EXPECT_EQ(open_remote_model(options_for({llama.url()}))->capabilities().context_tokens, 2048);
}

TEST(RemoteModel, OptionsAndRequestsThatCannotBe) {
  const auto refused = [](const std::function<void(RemoteModelOptions&)>& change) {
    RemoteModelOptions options = options_for({"http://127.0.0.1:1/v1"});
    change(options);
    return message_of([&] { open_remote_model(options); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(refused([](auto& o) { o.urls.clear(); }), HasSubstr("URL"));
  EXPECT_THAT(refused([](auto& o) { o.urls = {"ftp://x/v1"}; }), HasSubstr("ftp://x/v1"));
  EXPECT_THAT(refused([](auto& o) { o.urls = {"u:pass@:::"}; }), Not(HasSubstr("pass")));
  EXPECT_THAT(refused([](auto& o) { o.max_in_flight = 0; }), HasSubstr("max_in_flight"));
  EXPECT_THAT(refused([](auto& o) { o.max_attempts = 0; }), HasSubstr("max_attempts"));
  EXPECT_THAT(refused([](auto& o) { o.connect_timeout = milliseconds(0); }),
              HasSubstr("connect_timeout"));
  EXPECT_THAT(refused([](auto& o) { o.api_key = "abcd\r\nX-Evil: 1"; }),
              AllOf(HasSubstr("API key"), Not(HasSubstr("abcd"))));
  EXPECT_THAT(refused([](auto& o) { o.max_in_flight = 1 << 30; }), HasSubstr("open files"));

  ScriptedServer server([](const auto&, auto&) {});
  const auto model = open_remote_model(options_for({server.url()}));
  GenerationRequest tokens = ask("q");
  tokens.prompt.tokens = {1};
  EXPECT_THROW(model->submit(tokens), Error);
  GenerationRequest logprobs = ask("q");
  logprobs.logprobs = true;
  EXPECT_THROW(model->submit(logprobs), Error);
  GenerationRequest none = ask("q");
  none.max_tokens = 0;
  EXPECT_THROW(model->submit(none), Error);
}

TEST(RemoteModel, NoEndpointAnswers) {
  const std::string url = "http://127.0.0.1:" + std::to_string(dead_port()) + "/v1";
  EXPECT_THAT(message_of([&] { open_remote_model(options_for({url})); }, ErrorKind::kModel),
              HasSubstr(url));
}

TEST(RemoteModel, DeadEndpointAtTheStartIsLeftToTheOthers) {
  ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.reply(200, chat_reply("x")); });
  const std::string dead = "http://127.0.0.1:" + std::to_string(dead_port()) + "/v1";
  const auto model = open_remote_model(options_for({dead, server.url()}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one(*model, ask("q")).error, "");
}

TEST(RemoteModel, WrongKeyIsToldWithoutTheKey) {
  const std::string key = "sk-very-secret-0123456789";
  const auto refuse = [&](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(401, R"({"error":{"message":"Incorrect API key provided: )" + key + "\"}}");
  };
  ScriptedServer all(refuse, 0, true);
  RemoteModelOptions options = options_for({all.url()});
  options.api_key = key;
  EXPECT_THAT(message_of([&] { open_remote_model(options); }, ErrorKind::kModel),
              AllOf(HasSubstr("401"), HasSubstr("Incorrect API key"),
                    HasSubstr("; check MEMAGENT_API_KEY"), Not(HasSubstr("very-secret"))));
  options.api_key.clear();
  EXPECT_THAT(message_of([&] { open_remote_model(options); }, ErrorKind::kModel),
              HasSubstr("; put its key into MEMAGENT_API_KEY"));
  options.api_key = key;
  ScriptedServer generations(refuse);
  options.urls = {generations.url()};
  const auto model = open_remote_model(options);
  const GenerationResult result = one(*model, ask("q"));
  EXPECT_EQ(result.stop, StopReason::kFailed);
  EXPECT_THAT(result.error, AllOf(StartsWith(generations.url()), HasSubstr("401"),
                                  HasSubstr("Incorrect API key"), Not(HasSubstr("very-secret"))));
  EXPECT_EQ(generations.requests(kChatPath), 1) << "not retried";
}

// However a key gets into what a server sends, none of it comes out, at any place it may be cut.
TEST(RemoteModel, KeyAndPasswordNeverShow) {
  const std::string key = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int before = 150; before < 215; before += 3) {
    ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
      const std::string echo = std::string(static_cast<std::size_t>(before), 'x') + key + " tail";
      if (request.number % 2 == 0) {
        peer.reply(200, echo);
      } else {
        peer.reply(400, R"({"error":{"message":")" + echo + "\"}}");
      }
    });
    RemoteModelOptions options = options_for(
        {"http://user:hunter2hunter2@127.0.0.1:" + std::to_string(server.port()) + "/v1"});
    options.api_key = key;
    const auto model = open_remote_model(options);
    EXPECT_THAT(model->capabilities().name, Not(HasSubstr("hunter2")));
    const GenerationResult result = one(*model, ask("q"));
    EXPECT_EQ(result.stop, StopReason::kFailed);
    EXPECT_THAT(result.error, AllOf(Not(HasSubstr("sk-ABC")), Not(HasSubstr("hunter2"))));
  }
}

TEST(RemoteModel, RefusedRequestsAreNotRetriedAndSayWhy) {
  for (const int status : {400, 403, 404, 413, 422}) {
    ScriptedServer server([&](const ScriptedRequest&, ScriptedConnection& peer) {
      peer.reply(status, R"({"error":{"message":"because of this"}})");
    });
    const auto model = open_remote_model(options_for({server.url()}));
    const GenerationResult result = one(*model, ask("q"));
    EXPECT_EQ(result.stop, StopReason::kFailed);
    const char* hint = status == 403 ? "; put its key into MEMAGENT_API_KEY" : "";
    EXPECT_EQ(result.error,
              server.url() + ": HTTP " + std::to_string(status) + ": 'because of this'" + hint);
    EXPECT_EQ(server.requests(kChatPath), 1) << status;
  }
}

TEST(RemoteModel, RedirectsAreNotFollowed) {
  ScriptedServer elsewhere([](const auto&, ScriptedConnection& peer) { peer.reply(200, "{}"); });
  ScriptedServer server([&](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(307, "", "text/plain", "Location: " + elsewhere.url() + "/chat/completions\r\n");
  });
  const auto model = open_remote_model(options_for({server.url()}));
  EXPECT_THAT(one(*model, ask("q")).error, HasSubstr("redirect to '" + elsewhere.url()));
  EXPECT_EQ(elsewhere.connections(), 0) << "the key would have gone with it";
}

TEST(RemoteModel, ProxiesAreThoseOfTheEnvironment) {
  std::string target;
  ScriptedServer proxy(
      [&](const ScriptedRequest& request, ScriptedConnection& peer) {
        if (request.path.ends_with("/models")) {
          return peer.reply(200, R"({"data":[{"id":"far"}]})");
        }
        if (request.path.ends_with("/completions")) {
          target = request.path;
          return peer.reply(200, chat_reply("through the proxy"));
        }
        peer.reply(404, "");
      },
      0, true);
  const std::string address = fmt::format("http://127.0.0.1:{}", proxy.port());
  ::setenv("http_proxy", address.c_str(), 1);
  const auto model = open_remote_model(options_for({"http://far-away.test/v1"}));
  EXPECT_EQ(one(*model, ask("q")).text, "through the proxy");
  ::unsetenv("http_proxy");
  EXPECT_EQ(target, "http://far-away.test/v1/chat/completions");
}

TEST(RemoteModel, BusyServersAreAskedAgain) {
  for (const int status : {408, 409, 429, 500, 502, 503, 504}) {
    ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
      if (request.number < 4) return peer.reply(status, "busy", "text/plain");
      peer.reply(200, chat_reply("fine"));
    });
    const auto model = open_remote_model(options_for({server.url()}));
    EXPECT_EQ(one(*model, ask("q")).text, "fine") << status;
    EXPECT_EQ(server.requests(kChatPath), 5);
  }
}

TEST(RemoteModel, GivesUpAfterTheAttemptsAllowed) {
  ScriptedServer server([](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(503, R"({"error":{"message":"overloaded"}})");
  });
  RemoteModelOptions options = options_for({server.url()});
  options.max_attempts = 4;
  const auto model = open_remote_model(options);
  const GenerationResult result = one(*model, ask("q"));
  EXPECT_EQ(result.stop, StopReason::kFailed);
  EXPECT_EQ(result.error, server.url() + ": HTTP 503: 'overloaded' (4 attempts)");
}

TEST(RemoteModel, RetryAfterIsWaitedFor) {
  std::vector<std::chrono::steady_clock::time_point> times;  // only the server's one thread writes
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    times.push_back(std::chrono::steady_clock::now());
    if (request.number == 0) return peer.reply(429, "", "text/plain", "Retry-After: 1\r\n");
    peer.reply(200, chat_reply("fine"));
  });
  const auto model = open_remote_model(options_for({server.url()}));
  EXPECT_EQ(one(*model, ask("q")).text, "fine");
  ASSERT_EQ(times.size(), 2U);
  // A lower bound, which no slow machine can break.
  EXPECT_GE(times[1] - times[0], milliseconds(990));
}

TEST(RemoteModel, RetryAfterBeyondTheTimeOutIsAnError) {
  ScriptedServer server([&](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(429, R"({"error":"daily quota"})", "application/json", "Retry-After: 86400\r\n");
  });
  const auto model = open_remote_model(options_for({server.url()}));
  EXPECT_THAT(one(*model, ask("q")).error,
              AllOf(HasSubstr("daily quota"), HasSubstr("asks to wait 86400 s")));
}

TEST(RemoteModel, MaxCompletionTokensIsLearntOnce) {
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (Json::parse(request.body).contains("max_tokens")) {
      return peer.reply(400, R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not
          supported with this model. Use 'max_completion_tokens' instead."}})");
    }
    peer.reply(200, chat_reply("fine"));
  });
  RemoteModelOptions options = options_for({server.url()});
  options.max_attempts = 1;
  const auto model = open_remote_model(options);
  for (int i = 0; i < 5; ++i) model->submit(ask("q"));
  for (const GenerationResult& result : collect(*model, 5)) EXPECT_EQ(result.text, "fine");
  const int so_far = server.requests(kChatPath);
  EXPECT_EQ(one(*model, ask("q")).text, "fine");
  EXPECT_EQ(server.requests(kChatPath), so_far + 1);
}

TEST(RemoteModel, ServerThatDiesComesBackOnTheSamePort) {
  auto server = std::make_unique<ScriptedServer>(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.reply(200, chat_reply("one")); });
  const int port = server->port();
  RemoteModelOptions options = options_for({server->url()});
  options.max_attempts = 1000;
  const auto model = open_remote_model(options);
  EXPECT_EQ(one(*model, ask("q")).text, "one");
  server.reset();
  for (int i = 0; i < 20; ++i) model->submit(ask("q"));
  std::vector<GenerationResult> results;
  for (int i = 0; i < 5; ++i) model->wait(results, milliseconds(10));
  EXPECT_TRUE(results.empty());
  server = std::make_unique<ScriptedServer>(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.reply(200, chat_reply("two")); },
      port);
  results = collect(*model, 20);
  ASSERT_EQ(results.size(), 20U);
  for (const GenerationResult& result : results) EXPECT_EQ(result.text, "two");
}

TEST(RemoteModel, EverythingFailsWithTheLastEndpoint) {
  auto server = std::make_unique<ScriptedServer>(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.reply(200, chat_reply("one")); });
  const auto model = open_remote_model(options_for({server->url()}));
  server.reset();
  for (int i = 0; i < 200; ++i) model->submit(ask("q"));
  const std::vector<GenerationResult> results = collect(*model, 200);
  ASSERT_EQ(results.size(), 200U);
  for (const GenerationResult& result : results) {
    EXPECT_EQ(result.stop, StopReason::kFailed);
    EXPECT_THAT(result.error, HasSubstr("127.0.0.1"));
  }
}

TEST(RemoteModel, OneOfTwoEndpointsDiesInTheMiddle) {
  std::atomic<int> answered{0};
  const auto script = [&](const ScriptedRequest& request, ScriptedConnection& peer) {
    ++answered;
    peer.reply(200, chat_reply(Json::parse(request.body)["messages"][0]["content"]));
  };
  auto first = std::make_unique<ScriptedServer>(script);
  ScriptedServer second(script);
  const auto model = open_remote_model(options_for({first->url(), second.url()}));
  for (int i = 0; i < 300; ++i) model->submit(ask(fmt::format("q{}", i)));
  std::vector<GenerationResult> results;
  while (results.size() < 60) model->wait(results, std::chrono::minutes(1));
  EXPECT_GT(first->requests(kChatPath), 0);
  first.reset();
  for (GenerationResult& result : collect(*model, 300 - results.size())) {
    results.push_back(std::move(result));
  }
  ASSERT_EQ(results.size(), 300U);
  for (const GenerationResult& result : results) {
    EXPECT_EQ(result.text, fmt::format("q{}", result.id - 1)) << result.error;
  }
}

TEST(RemoteModel, LoadIsSpreadOverEndpoints) {
  const auto script = [](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(200, chat_reply("x"));
  };
  ScriptedServer a(script);
  ScriptedServer b(script);
  ScriptedServer c(script);
  const auto model = open_remote_model(options_for({a.url(), b.url(), c.url()}));
  for (int i = 0; i < 60; ++i) model->submit(ask("q"));
  collect(*model, 60);
  for (const ScriptedServer* server : {&a, &b, &c}) EXPECT_GE(server->requests(kChatPath), 20 - 5);
}

TEST(RemoteModel, NeverMoreInFlightThanAllowed) {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  ScriptedServer server([&](const ScriptedRequest&, ScriptedConnection& peer) {
    const int in_flight = ++now;
    int seen = most;
    while (in_flight > seen && !most.compare_exchange_weak(seen, in_flight)) {
    }
    std::this_thread::yield();
    --now;
    peer.reply(200, chat_reply("x"));
  });
  RemoteModelOptions options = options_for({server.url()});
  options.max_in_flight = 3;
  const auto model = open_remote_model(options);
  for (int i = 0; i < 200; ++i) model->submit(ask("q"));
  EXPECT_EQ(collect(*model, 200).size(), 200U);
  EXPECT_LE(most, 3);
  EXPECT_LE(server.connections(), 3 + 1);
}

TEST(RemoteModel, CancelledRequestsComeBackAsCancelled) {
  std::atomic<int> closed{0};
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (request.body.find("stay") != std::string::npos) return peer.reply(200, chat_reply("x"));
    peer.wait_closed();
    ++closed;
  });
  RemoteModelOptions options = options_for({server.url()});
  options.max_in_flight = 1;
  const auto model = open_remote_model(options);
  const RequestId running = model->submit(ask("hang"));
  const RequestId queued = model->submit(ask("hang too"));
  const RequestId stays = model->submit(ask("stay"));
  std::vector<GenerationResult> results;
  while (server.requests(kChatPath) == 0) model->wait(results, milliseconds(1));
  model->cancel(running);
  model->cancel(queued);
  model->cancel(queued);
  model->cancel(12345);
  results = collect(*model, 3);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].id, running);
  EXPECT_EQ(results[0].stop, StopReason::kCancelled);
  EXPECT_EQ(results[1].stop, StopReason::kCancelled);
  EXPECT_EQ(results[2].id, stays);
  EXPECT_EQ(results[2].text, "x");
  while (closed == 0) std::this_thread::yield();  // the server saw the connection go
}

TEST(RemoteModel, WaitReturnsAtOnceWithNothingInFlight) {
  ScriptedServer server([](const auto&, auto&) {});
  const auto model = open_remote_model(options_for({server.url()}));
  std::vector<GenerationResult> results;
  model->wait(results, std::chrono::hours(1));
  EXPECT_TRUE(results.empty());
}

TEST(RemoteModel, WakeFromAnotherThreadEndsAWait) {
  ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.wait_closed(); });
  const auto model = open_remote_model(options_for({server.url()}));
  model->submit(ask("q"));
  std::vector<GenerationResult> results;
  model->wake();
  model->wait(results, milliseconds::max());  // a wake-up before the wait counts for it
  std::thread other([&] {
    while (server.requests(kChatPath) == 0) std::this_thread::yield();
    model->wake();
  });
  // Returns only because of wake(): the time-out is for ever and the server never answers.
  model->wait(results, milliseconds::max());
  other.join();
  EXPECT_TRUE(results.empty());
}

TEST(RemoteModel, DestroyedWithRequestsInFlight) {
  ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& peer) { peer.wait_closed(); });
  const auto model = open_remote_model(options_for({server.url()}));
  for (int i = 0; i < 10; ++i) model->submit(ask("q"));
  std::vector<GenerationResult> results;
  while (server.requests(kChatPath) < 10) model->wait(results, milliseconds(1));
}

TEST(RemoteModel, EndpointsOfDifferentModelsNeedAName) {
  const auto script = [](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(200, chat_reply("x"));
  };
  ScriptedServer a(script, 0, false, "model-a");
  ScriptedServer b(script, 0, false, "model-b");
  EXPECT_THAT(message_of(
                  [&] {
                    open_remote_model(options_for({a.url(), b.url()}));
                  },
                  ErrorKind::kUsage),
              AllOf(HasSubstr("model-a"), HasSubstr("model-b")));
  RemoteModelOptions options = options_for({a.url(), b.url()});
  options.model = "mine";
  EXPECT_EQ(one(*open_remote_model(options), ask("q")).text, "x");
}

}  // namespace
}  // namespace memagent
