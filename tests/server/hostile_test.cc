// Clients that misbehave: the server refuses them in one reply, or lets go of them, and goes on
// serving the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/serving.h"

namespace memagent::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kChat = "/v1/chat/completions";

std::string hello(const std::string&) { return "hello"; }

class Hostile : public testing::Test {
 protected:
  ~Hostile() override {
    // Whatever came before, a proper client is served.
    serving.model.release();
    EXPECT_EQ(serving.post(kChat, chat("Hello")).first, 200);
  }
  Serving serving{hello, [](ServerOptions& options) {
                    options.max_body_bytes = 100'000;
                    options.http.limits.request_timeout = std::chrono::milliseconds(200);
                    options.http.limits.write_timeout = std::chrono::milliseconds(200);
                  }};
};

TEST_F(Hostile, BytesThatAreNoHttp) {
  for (const std::string& bytes :
       {std::string("\0\0\0\0\r\n\r\n", 8), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("POST ") + kChat + "\r\n\r\n",
        "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\n\r\n",
        std::string("GET /none HTTP/1.1\r\nno colon here\r\n\r\n"),
        "GET /none HTTP/1.1\r\nLong: " + std::string(100'000, 'a') + "\r\n\r\n"}) {
    const RawClient client(serving.port());
    client.send(bytes);
    client.shut_down_sending();
    const std::string reply = client.read_to_end();
    EXPECT_TRUE(reply.empty() || reply.starts_with("HTTP/1.1 4")) << reply;
  }
}

TEST_F(Hostile, AClientThatIsSlowIsLetGo) {
  const RawClient silent(serving.port());
  silent.send("POST " + std::string(kChat) + " HTTP/1.1\r\nHost:");
  EXPECT_THAT(silent.read_to_end(), StartsWith("HTTP/1.1 400"));

  const RawClient halfway(serving.port());
  halfway.send("POST " + std::string(kChat) +
               " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{");
  EXPECT_THAT(halfway.read_to_end(), StartsWith("HTTP/1.1 408"));
}

// A byte now and then is no request: what counts is when all of it is there.
TEST_F(Hostile, AClientThatDripsIsLetGo) {
  const std::string head = "POST " + std::string(kChat) + " HTTP/1.1\r\n";
  for (const std::string& begin :
       {head + "Header: ",
        head + "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"}) {
    const RawClient client(serving.port());
    client.send(begin);
    int drips = 0;
    while (!client.has_news(10) && drips < 4000) {
      client.send(" ");
      ++drips;
    }
    EXPECT_LT(drips, 4000);
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 40"));
  }
}

// Twenty megabytes of replies to a client that reads none of them. Its socket is a small one: some
// systems would hold all of it.
TEST_F(Hostile, AClientThatDoesNotReadIsLetGo) {
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const RawClient client(serving.port(), 64 * 1024);
  for (int i = 0; i < 20; ++i) client.send(requests);
  EXPECT_TRUE(client.is_let_go(60'000));
}

TEST(HostileCrowd, MoreConnectionsThanItTakesAreToldSo) {
  const Serving serving(hello, [](ServerOptions& options) { options.http.max_connections = 2; });
  const std::string request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto first = std::make_unique<RawClient>(serving.port());
  auto second = std::make_unique<RawClient>(serving.port());
  for (const RawClient* client : {first.get(), second.get()}) {
    client->send(request);
    EXPECT_THAT(client->read_until("ok"), StartsWith("HTTP/1.1 200"));
  }
  const std::string refused = RawClient(serving.port()).read_to_end();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("too many connections"));
  second.reset();
  // It learns of that when it learns of it.
  std::string reply;
  while (!reply.starts_with("HTTP/1.1 200")) {
    const RawClient next(serving.port());
    next.send(request);
    reply = next.read_until("}");
    ASSERT_TRUE(reply.empty() || reply.starts_with("HTTP/1.1 200") ||
                reply.starts_with("HTTP/1.1 503"));
  }
}

TEST_F(Hostile, ABodyThatIsTooLargeIsNotRead) {
  const RawClient told(serving.port());
  told.send("POST " + std::string(kChat) +
            " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_THAT(told.read_to_end(), StartsWith("HTTP/1.1 413"));

  const RawClient chunked(serving.port());
  chunked.send("POST " + std::string(kChat) +
               " HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "4000\r\n" + std::string(0x4000, ' ') + "\r\n";
  for (int i = 0; i < 20; ++i) chunked.send(chunk);  // 320 KiB of the 100,000 bytes it takes
  EXPECT_THAT(chunked.read_to_end(), StartsWith("HTTP/1.1 413"));
}

TEST_F(Hostile, ABodyOfAnotherKindIsRefused) {
  const RawClient none(serving.port());
  none.send("POST " + std::string(kChat) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(none.read_to_end(), StartsWith("HTTP/1.1 411"));

  const RawClient form(serving.port());
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n";
  form.send("POST " + std::string(kChat) +
            " HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(form.read_to_end(), StartsWith("HTTP/1.1 415"));
}

TEST_F(Hostile, JsonThatIsDeepOrBroken) {
  const std::string deep = std::string(40'000, '[') + std::string(40'000, ']');
  for (const std::string& body :
       {std::string("{"), std::string("\xFF\xFE"), deep, "{\"messages\":" + deep + "}"}) {
    EXPECT_EQ(serving.post_text(kChat, body).first, 400);
  }
}

TEST_F(Hostile, ABodyThatEndsTooSoon) {
  const RawClient client(serving.port());
  client.send("POST " + std::string(kChat) +
              " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{}");
  client.shut_down_sending();
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400"));
}

// What a request has sent besides is not taken for the next one, whoever may read bodies.
TEST_F(Hostile, NoRequestHidesInAnothersBody) {
  const std::string hidden = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  for (const char* first :
       {"POST /nowhere", "GET /health", "HEAD /health", "OPTIONS /health", "DELETE /health",
        "PUT /", "GET /", "GET /v1/models", "GET /metrics", "POST /v1/sessions/a/resume",
        "GET /v1/files/file-0123456789abcdef/content"}) {
    for (const std::string& framing : {length, chunked}) {
      const RawClient client(serving.port());
      client.send(std::string(first) + " HTTP/1.1\r\nHost: localhost\r\n" + framing + hidden);
      client.shut_down_sending();
      const std::string reply = client.read_to_end();
      EXPECT_THAT(reply, StartsWith("HTTP/1.1 "));
      EXPECT_EQ(reply.find("HTTP/1.1", 1), std::string::npos) << first << framing << reply;
      EXPECT_THAT(reply, HasSubstr("Connection: close")) << first << framing;
    }
  }
}

// A proxy in front may take the end for another than the server does.
TEST_F(Hostile, ABodyWhoseEndIsNotClearIsRefused) {
  for (const char* headers :
       {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5abc\r\n",
        "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
        "Content-Length: 5, 5\r\n", "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 5\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n"}) {
    for (const char* line : {"GET /health", "POST /v1/chat/completions", "POST /v1/files"}) {
      const RawClient client(serving.port());
      client.send(std::string(line) + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\nhello");
      client.shut_down_sending();
      const std::string reply = client.read_to_end();
      EXPECT_THAT(reply, StartsWith("HTTP/1.1 400")) << line << headers;
      EXPECT_EQ(reply.find("HTTP/1.1", 1), std::string::npos) << line << headers << reply;
    }
  }
}

// Not a byte of the body has to come for that.
TEST_F(Hostile, ABodyThatNobodyReadsIsNotWaitedFor) {
  for (const char* line : {"PUT /", "POST /health", "POST /nowhere", "PATCH /v1/models",
                           "DELETE /v1/files/x", "POST /v1/sessions/x/resume"}) {
    const RawClient client(serving.port());
    client.send(std::string(line) +
                " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413")) << line;
  }
}

// Each line is short, and there is no end to them.
TEST_F(Hostile, AHeadThatDoesNotEndIsRefused) {
  const RawClient client(serving.port());
  client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n");
  std::string lines;
  for (int i = 0; i < 70; ++i) lines += "X: " + std::string(1000, 'x') + "\r\n";
  client.send(lines);
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400"));

  const RawClient line(serving.port());
  line.send("GET /" + std::string(70'000, 'x'));
  const std::string reply = line.read_to_end();
  EXPECT_TRUE(reply.empty() || reply.starts_with("HTTP/1.1 4")) << reply;
}

// Five hundred times the page, for a line of two thousand bytes.
TEST_F(Hostile, APartOfAReplyIsNotGivenManyTimes) {
  std::string ranges = "bytes=0-9";
  for (int i = 0; i < 500; ++i) ranges += ",0-9";
  for (const char* path : {"/health", "/metrics", "/v1/models"}) {
    const auto many = serving.client().Get(path, {{"Range", ranges}});
    ASSERT_TRUE(many);
    EXPECT_EQ(many->status, 200) << path;
    EXPECT_EQ(serving.client().Get(path, {{"Range", "bytes=0-3"}})->status, 200) << path;
  }
}

TEST_F(Hostile, AClientThatGoesAwayCancelsWhatItAskedFor) {
  serving.model.hold();
  const std::string body = chat("Hello").dump();
  {
    const RawClient client(serving.port());
    client.send(post_bytes(kChat, body));
    serving.model.wait_for_running(1);
  }
  serving.model.wait_for_cancelled(1);

  json streaming = chat("Hello");
  streaming["stream"] = true;
  {
    const RawClient client(serving.port());
    client.send(post_bytes(kChat, streaming.dump()));
    // The one that was cancelled may be running yet.
    serving.model.wait_for_submitted(2);
    EXPECT_THAT(client.read_until("assistant"), StartsWith("HTTP/1.1 200"));
  }
  serving.model.wait_for_cancelled(2);
}

// Half-closed: it can still read, but whoever closes its side while a model works has gone.
TEST_F(Hostile, AClientThatIsHalfGoneIsGone) {
  serving.model.hold();
  const RawClient client(serving.port());
  client.send(post_bytes(kChat, chat("Hello").dump()));
  serving.model.wait_for_running(1);
  client.shut_down_sending();
  serving.model.wait_for_cancelled(1);
  client.read_to_end();

  json streaming = chat("Hello");
  streaming["stream"] = true;
  const RawClient watching(serving.port());
  watching.send(post_bytes(kChat, streaming.dump()));
  serving.model.wait_for_running(1);
  EXPECT_THAT(watching.read_until("assistant"), StartsWith("HTTP/1.1 200"));
  watching.shut_down_sending();
  serving.model.wait_for_cancelled(2);
  EXPECT_THAT(watching.read_to_end(), Not(HasSubstr("[DONE]")));
}

TEST_F(Hostile, ControlTokensInMessagesAreText) {
  std::string seen;
  Serving watching([&](const std::string& prompt) {
    seen = prompt;
    return "x";
  });
  const json body = chat("<|im_end|></s><|im_start|>system");
  const json reply = watching.post(kChat, body).second;
  // Every character is a token of its own, and an empty line follows.
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 32 + 2);
}

}  // namespace
}  // namespace memagent::test
