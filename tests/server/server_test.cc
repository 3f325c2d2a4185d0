// The whole server over HTTP, with a client that we did not write (cpp-httplib's) where the client
// is a proper one. The model is a script; tokens are bytes, so that counts can be worked out by
// hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "memagent/error.h"
#include "server/serving.h"

namespace memagent::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kChat = "/v1/chat/completions";

// The memory becomes "m" and the section's first character; the answer is the memory.
std::string reader(const std::string& prompt) {
  const std::size_t section = prompt.find(" S:");
  if (section != std::string::npos) return "m" + prompt.substr(section + 3, 1);
  const std::size_t memory = prompt.find(" M:");
  if (memory == std::string::npos) return "chatted: " + prompt.substr(0, 5);
  return "answer " + prompt.substr(memory + 3, 2);
}

// Three sections of 20 bytes that begin with a, b, c, then the question.
const std::string kLongText = std::string(20, 'a') + std::string(20, 'b') + std::string(20, 'c');
// Longer than the window of 200 with its answer.
const std::string kLongMessage = std::string(100, 'a') + std::string(100, 'b') + "\n\nWho is it?";

TEST(Server, TellsWhatItServes) {
  const Serving serving(reader);
  EXPECT_EQ(serving.client().Get("/health")->body, R"({"status":"ok"})");
  const json models = json::parse(serving.client().Get("/v1/models")->body);
  EXPECT_EQ(models["object"], "list");
  EXPECT_EQ(models["data"][0]["id"], "blocking");
  EXPECT_EQ(models["data"][0]["memagent"]["window_tokens"], 200);
  EXPECT_EQ(json::parse(serving.client().Get("/v1/models/blocking")->body)["object"], "model");
  EXPECT_EQ(serving.client().Get("/v1/models/other")->status, 404);
}

TEST(Server, AChatThatFitsGoesStraightToTheModel) {
  const Serving serving(reader);
  json body = chat("Hello there.");
  body["model"] = "blocking";
  const auto [status, reply] = serving.post(kChat, body);
  EXPECT_EQ(status, 200) << reply;
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_EQ(reply["model"], "blocking");
  EXPECT_THAT(reply["id"].get<std::string>(), testing::StartsWith("chatcmpl-"));
  EXPECT_EQ(reply["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "chatted: Hello");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  // 12 bytes and an empty line; 14 bytes and the end token.
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 14);
  EXPECT_EQ(reply["usage"]["completion_tokens"], 15);
  EXPECT_EQ(reply["usage"]["total_tokens"], 29);
  EXPECT_EQ(reply["memagent"]["read"], false);
}

TEST(Server, AnAnswerIsCutWhereTheClientSays) {
  const Serving serving(reader);
  json body = chat("Hello there.");
  body["max_tokens"] = 4;
  json reply = serving.post(kChat, body).second;
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "chat");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "length");
  body["max_tokens"] = 1000;  // more than there is room for is as much as there is
  body["stop"] = ": ";
  reply = serving.post(kChat, body).second;
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "chatted");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
}

TEST(Server, ALongChatIsReadInSections) {
  const Serving serving(reader);
  const auto [status, reply] = serving.post(kChat, chat(kLongMessage));
  EXPECT_EQ(status, 200) << reply;
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "answer m");
  // 202 bytes without the question: 10 sections of 20 and one of 2 (the empty line).
  const json& own = reply["memagent"];
  EXPECT_EQ(own["read"], true);
  EXPECT_EQ(own["sections"], 11);
  EXPECT_EQ(own["document_tokens"], 202);
  EXPECT_EQ(own["memory"], "m\n");
  EXPECT_EQ(own["memory_changes"], 3);  // ma, mb, m\n
  // Update prompts are "Q:{10} M:{memory} S:{section}" and a newline: 2 + 10 + 3 + memory + 3 +
  // section + 1 = 19 + memory + section. Memories before the sections: none, then two bytes.
  // The answer's is "Q:{10} M:{2} A:" and a newline: 2 + 10 + 3 + 2 + 3 + 1 = 21.
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 11 * 19 + (4 + 10 * 2) + 202 + 21);
  // Eleven updates of two bytes, an answer of nine, and twelve end tokens.
  EXPECT_EQ(reply["usage"]["completion_tokens"], 11 * 2 + 9 + 12);
}

TEST(Server, RequestsMaySettleHowTheyAreRead) {
  const Serving serving(reader);
  json body = chat("Who is it?");
  body["memagent"] = {{"document", kLongText}, {"section_tokens", 30}};
  json reply = serving.post(kChat, body).second;
  EXPECT_EQ(reply["memagent"]["sections"], 2);
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "answer mb");

  body = chat(kLongText);
  body["memagent"] = {{"question", "Who?"}};
  reply = serving.post(kChat, body).second;
  EXPECT_EQ(reply["memagent"]["sections"], 3);

  body = chat("a short text\n\n" + std::string(20, 'b') + "\n\nWho?");
  body["memagent"] = {{"read", "always"}};
  EXPECT_EQ(serving.post(kChat, body).first, 400);  // it is a question of 40 tokens, no document
  body = chat(kLongText + "\n\nWho?");
  body["memagent"] = {{"read", "always"}};
  EXPECT_EQ(serving.post(kChat, body).second["memagent"]["read"], true);

  body = chat(kLongMessage);
  body["memagent"] = {{"read", "never"}};
  const auto [status, error] = serving.post(kChat, body);
  EXPECT_EQ(status, 400);
  EXPECT_EQ(error["error"]["code"], "context_length_exceeded");
}

TEST(Server, StreamsProgressAndThenTheAnswer) {
  const Serving serving(reader);
  json body = chat("Who is it?");
  body["memagent"] = {{"document", kLongText}};
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const auto result = serving.client().Post(kChat, body.dump(), "application/json");
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/event-stream");
  const std::vector<json> events = events_of(result->body);
  ASSERT_GE(events.size(), 6U) << result->body;
  EXPECT_EQ(events[0]["object"], "chat.completion.chunk");
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  std::int64_t sections = 0;
  std::string memory;
  for (const json& event : events) {
    if (!event.is_object()) continue;
    EXPECT_EQ(event["id"], events[0]["id"]);
    if (event["choices"].empty()) continue;
    text += event["choices"][0]["delta"].value("content", "");
    if (!event.contains("memagent") || event["memagent"].value("event", "") != "progress") continue;
    EXPECT_EQ(event["choices"][0]["delta"], json::object());
    EXPECT_GE(event["memagent"]["sections"], sections);
    sections = event["memagent"]["sections"];
    memory = event["memagent"].value("memory", memory);
  }
  EXPECT_EQ(text, "answer mc");
  EXPECT_EQ(sections, 3);
  EXPECT_EQ(memory, "mc");
  EXPECT_EQ(events.back(), "[DONE]");
  const json& usage = events[events.size() - 2];
  EXPECT_EQ(usage["choices"], json::array());
  // As above: three updates and an answer.
  EXPECT_EQ(usage["usage"]["prompt_tokens"], 3 * 19 + (4 + 2 + 2) + 60 + 21);
  const json& last = events[events.size() - 3];
  EXPECT_EQ(last["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(last["memagent"]["sections"], 3);
}

// The model stops in the middle of its answer until the client has what there is of it.
TEST(Server, AnswersAreSentAsTheyGrow) {
  Serving serving([](const std::string&) { return "one \xC3\xA9 STOP two"; });
  std::promise<void> client_has_it;
  serving.model.after_text = [&](std::size_t bytes) {
    if (bytes == 6) client_has_it.get_future().wait();
  };
  json body = chat("Hello");
  body["stop"] = " STOP";
  std::string text;
  bool told = false;
  const std::string all = stream_chat(serving, body, [&](const std::string& so_far) {
    // " STOP" may have begun: its four bytes before the last are kept back, so "on" is sent.
    if (told || so_far.find("\"content\":\"o") == std::string::npos) return;
    told = true;
    client_has_it.set_value();
  });
  EXPECT_TRUE(told);
  for (const json& event : events_of(all)) {
    if (event.is_object()) text += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "one \xC3\xA9");
}

TEST(Server, CompletionsAreServedToo) {
  const Serving serving(reader);
  json reply = serving.post("/v1/completions", {{"prompt", "Hello"}}).second;
  EXPECT_EQ(reply["object"], "text_completion");
  EXPECT_EQ(reply["choices"][0]["text"], "chatted: Hello");
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 5);
  reply = serving.post("/v1/completions", {{"prompt", kLongMessage}}).second;
  EXPECT_EQ(reply["choices"][0]["text"], "answer m");
  const json body = {{"prompt", "Hello"}, {"stream", true}};
  const auto events =
      events_of(serving.client().Post("/v1/completions", body.dump(), "application/json")->body);
  ASSERT_GE(events.size(), 3U);
  std::string text;
  for (const json& event : events) {
    if (event.is_object()) text += event["choices"][0]["text"];
  }
  EXPECT_EQ(text, "chatted: Hello");
  EXPECT_EQ(events[events.size() - 2]["choices"][0]["finish_reason"], "stop");
}

TEST(Server, ErrorsHaveStatusAndShape) {
  const Serving serving(reader);
  const auto error = [&](const json& body) {
    const auto [status, reply] = serving.post(kChat, body);
    return std::to_string(status) + " " + reply["error"]["message"].get<std::string>();
  };
  EXPECT_THAT(error(json::array()), HasSubstr("400 the body is not a JSON object"));
  json body = chat("x");
  body["model"] = "other";
  EXPECT_THAT(error(body), HasSubstr("404 model: there is no 'other'"));
  body = chat("x");
  body["memagent"] = {{"section_tokens", 101}};
  EXPECT_THAT(error(body), HasSubstr("400 memagent.section_tokens: more than the window"));
  EXPECT_THAT(error(chat(std::string(300, 'x'))), HasSubstr("400 messages: the last user message"));
  EXPECT_EQ(serving.client().Get("/v2")->status, 404);
  EXPECT_EQ(json::parse(serving.client().Get("/v2")->body)["error"]["type"],
            "invalid_request_error");
  EXPECT_EQ(serving.client().Get(kChat)->status, 404);
}

TEST(Server, AModelThatFailsIsA502) {
  const Serving serving([](const std::string&) { return "!"; });
  auto [status, reply] = serving.post(kChat, chat("Hello"));
  EXPECT_EQ(status, 502);
  EXPECT_EQ(reply["error"]["message"], "told to fail");
  EXPECT_EQ(reply["error"]["type"], "server_error");
  std::tie(status, reply) = serving.post(kChat, chat(kLongMessage));
  EXPECT_EQ(status, 502);
  EXPECT_THAT(reply["error"]["message"], HasSubstr("3 generations in a row failed"));
  // In a stream it is too late for a status.
  json body = chat(kLongMessage);
  body["stream"] = true;
  const auto result = serving.client().Post(kChat, body.dump(), "application/json");
  EXPECT_EQ(result->status, 200);
  EXPECT_THAT(events_of(result->body).back()["error"]["message"], HasSubstr("told to fail"));
}

TEST(Server, ManyAtOnceEachGetTheirOwnAnswer) {
  Serving serving([](const std::string& prompt) {
    return prompt.find(" S:") != std::string::npos ? "m" : prompt.substr(2, 3);
  });
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&, i] {
      const std::string question = std::to_string(100 + i);
      json body = chat(question);
      body["memagent"] = {{"document", kLongText}};
      const json reply = serving.post(kChat, body).second;
      if (reply["choices"][0]["message"]["content"] == question) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
  EXPECT_THAT(serving.metrics(), HasSubstr("memagent_readings_total{outcome=\"finished\"} 40\n"));
}

TEST(Server, MoreThanItTakesAreRefused) {
  Serving serving(reader, [](ServerOptions& options) { options.service.max_concurrent = 1; });
  serving.model.hold();
  std::thread first([&] { EXPECT_EQ(serving.post(kChat, chat("Hello")).first, 200); });
  serving.model.wait_for_running(1);
  const auto result = serving.client().Post(kChat, chat("x").dump(), "application/json");
  EXPECT_EQ(result->status, 429);
  EXPECT_EQ(result->get_header_value("Retry-After"), "1");
  EXPECT_EQ(json::parse(result->body)["error"]["type"], "rate_limit_error");
  serving.model.release();
  first.join();
}

// printf test | sha256sum
constexpr const char* kKeys =
    "alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

TEST(Server, KeysAreAskedFor) {
  const Serving serving(reader,
                        [](ServerOptions& options) { options.keys = ApiKeys::parse(kKeys, "k"); });
  EXPECT_EQ(serving.client().Get("/health")->status, 200);
  EXPECT_EQ(serving.client().Get("/metrics")->status, 401);
  const auto [status, reply] = serving.post(kChat, chat("Hello"));
  EXPECT_EQ(status, 401);
  EXPECT_EQ(reply["error"]["code"], "invalid_api_key");
  const httplib::Headers right = {{"Authorization", "Bearer test"}};
  const httplib::Headers wrong = {{"Authorization", "Bearer tesu"}};
  EXPECT_EQ(serving.client().Get("/v1/models", right)->status, 200);
  EXPECT_EQ(serving.client().Get("/v1/models", wrong)->status, 401);
  // To look at the page and whether it is well, and nothing else.
  EXPECT_NE(serving.client().Head("/")->status, 401);
  EXPECT_EQ(serving.client().Head("/health")->status, 200);
  EXPECT_EQ(serving.client().Put("/", "{}", "application/json")->status, 401);
  EXPECT_EQ(serving.client().Post("/health", "{}", "application/json")->status, 401);
}

// A name that points to this machine is not this machine's: its owner's page asks under it.
TEST(Server, PagesOfOthersAreNotLetInWithoutKeys) {
  const auto status = [](const Serving& serving, const httplib::Headers& headers) {
    return serving.client().Get("/v1/models", headers)->status;
  };
  const Serving serving(reader);
  const std::string port = ":" + std::to_string(serving.port());
  const auto refused = serving.client().Get("/v1/models", {{"Host", "evil.example" + port}});
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(json::parse(refused->body)["error"]["code"], "cross_site");
  for (const std::string name : {"127.0.0.1", "localhost", "LocalHost", "[::1]"}) {
    EXPECT_EQ(status(serving, {{"Host", name}}), 200) << name;
    EXPECT_EQ(status(serving, {{"Host", name + port}, {"Origin", "http://" + name + port}}), 200);
    EXPECT_EQ(status(serving, {{"Host", name + port}, {"Origin", "http://" + name}}), 403) << name;
    EXPECT_EQ(status(serving, {{"Host", name + port}, {"Origin", "http://evil.example"}}), 403);
    EXPECT_EQ(status(serving, {{"Host", name + port}, {"Origin", "null"}}), 403) << name;
  }
  for (const char* name : {"localhost.evil.example", "127.0.0.1.evil.example", "[::1", "[::1]x",
                           "127.0.0.2", "evil.example:127.0.0.1"}) {
    EXPECT_EQ(status(serving, {{"Host", name}}), 403) << name;
  }
  EXPECT_EQ(status(serving, {{"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(serving.client().Get("/health", {{"Host", "evil.example"}})->status, 200);

  // The name that it was told to listen on is its own.
  const Serving named(reader, [](ServerOptions& options) { options.http.host = "127.0.0.2"; });
  httplib::Client client("127.0.0.2", named.port());
  EXPECT_EQ(client.Get("/v1/models")->status, 200);
  EXPECT_EQ(client.Get("/v1/models", {{"Host", "evil.example"}})->status, 403);

  // Whoever has a key is no page of somebody else's.
  const Serving keyed(reader,
                      [](ServerOptions& options) { options.keys = ApiKeys::parse(kKeys, "k"); });
  EXPECT_EQ(status(keyed, {{"Host", "memagent.example.com"},
                           {"Origin", "https://elsewhere.example.com"},
                           {"Authorization", "Bearer test"}}),
            200);
}

// A client that sends its next request on a connection that ends would lose it.
TEST(Server, ConnectionsThatEndSaySo) {
  const Serving serving(reader,
                        [](ServerOptions& options) { options.keys = ApiKeys::parse(kKeys, "k"); });
  httplib::Client client = serving.client();
  client.set_keep_alive(true);
  const httplib::Result refused = client.Get("/v1/models");
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(refused->get_header_value("Connection"), "close");
  EXPECT_FALSE(refused->has_header("Keep-Alive"));
  const httplib::Result kept = client.Get("/v1/models", {{"Authorization", "Bearer test"}});
  EXPECT_EQ(kept->status, 200);
  EXPECT_NE(kept->get_header_value("Connection"), "close");
  EXPECT_TRUE(kept->has_header("Keep-Alive"));
}

TEST(Server, OthersAreNotLetInWithoutKeys) {
  const auto everywhere = [](ServerOptions& options) { options.http.host = "0.0.0.0"; };
  EXPECT_THROW(Serving(reader, everywhere), Error);
  EXPECT_NO_THROW(Serving(reader, [&](ServerOptions& options) {
    everywhere(options);
    options.keys = ApiKeys::parse(kKeys, "k");
  }));
}

TEST(Server, TheLogHasNoText) {
  const Serving serving(reader);
  serving.post(kChat, chat(kLongMessage));
  serving.client().Get("/secret-path");
  // A line is written after its reply was sent; the next request's reply on another connection may
  // overtake it.
  while (serving.log().size() < 2) std::this_thread::yield();
  for (const json& line : serving.log()) {
    EXPECT_EQ(line["client"], "127.0.0.1");
    EXPECT_THAT(line.dump(), Not(HasSubstr("aaaa")));
    EXPECT_THAT(line.dump(), Not(HasSubstr("secret")));
    if (line["route"] == kChat) {
      EXPECT_EQ(line["status"], 200);
      EXPECT_EQ(line["sections"], 11);
      EXPECT_EQ(line["document_tokens"], 202);
    }
  }
}

TEST(Server, StoppingGivesWhatIsUnderWayTimeToEnd) {
  Serving serving(reader);
  serving.model.hold();
  std::thread asking([&] { EXPECT_EQ(serving.post(kChat, chat("Hello")).first, 200); });
  serving.model.wait_for_running(1);
  std::thread stopping([&] { serving.server->stop(std::chrono::hours(1)); });
  serving.model.release();
  asking.join();
  stopping.join();
}

TEST(Server, StoppingEndsWhatDoesNotEnd) {
  Serving serving(reader);
  serving.model.hold();
  std::thread asking([&] {
    const auto [status, reply] = serving.post(kChat, chat("Hello"));
    EXPECT_EQ(status, 503);
    EXPECT_THAT(reply["error"]["message"], HasSubstr("shutting down"));
  });
  serving.model.wait_for_running(1);
  serving.server->stop(std::chrono::milliseconds(0));
  asking.join();
}

// A body that comes a byte at a time, a reply that nobody reads: neither outlives the grace.
TEST(Server, StoppingDoesNotWaitForClients) {
  Serving serving(reader);
  const RawClient sending(serving.port());
  sending.send("POST " + std::string(kChat) +
               " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Content-Length: 10000\r\n\r\n{");
  const RawClient beginning(serving.port());
  beginning.send("GET /health HT");
  while (serving.metrics().find("memagent_connections 3\n") == std::string::npos) {
    std::this_thread::yield();
  }
  const auto begun = std::chrono::steady_clock::now();
  serving.server->stop(std::chrono::milliseconds(0));
  // A request has 30 seconds to arrive.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST(Server, StoppingTellsStreamsAndClosesConnectionsThatWait) {
  Serving serving(reader);
  const RawClient waiting(serving.port());
  waiting.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(waiting.read_until("ok"), testing::StartsWith("HTTP/1.1 200"));
  serving.model.hold();
  json body = chat("Hello");
  body["stream"] = true;
  const RawClient streaming(serving.port());
  streaming.send(post_bytes(kChat, body.dump()));
  EXPECT_THAT(streaming.read_until("assistant"), testing::StartsWith("HTTP/1.1 200"));
  serving.model.wait_for_running(1);
  std::thread stopping([&] { serving.server->stop(std::chrono::milliseconds(0)); });
  EXPECT_EQ(waiting.read_to_end(), "");
  EXPECT_THAT(streaming.read_to_end(), HasSubstr("shutting down"));
  stopping.join();
  EXPECT_EQ(serving.client().Get("/health").error(), httplib::Error::Connection);
}

}  // namespace
}  // namespace memagent::test
