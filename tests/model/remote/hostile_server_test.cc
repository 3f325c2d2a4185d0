// The client against servers that misbehave: it asks again, no other request is harmed, and what
// never gets better is one clear line.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <thread>

#include "memagent/remote_model.h"
#include "model/remote/remote_client.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Hostile {
  std::string name;
  std::function<void(ScriptedConnection&)> misbehave;
  std::string told;   // part of the error when it never gets better
  bool slow = false;  // only a time-out ends it
};

void PrintTo(const Hostile& kind, std::ostream* out) { *out << kind.name; }

class HostileServer : public testing::TestWithParam<Hostile> {
 protected:
  RemoteModelOptions options() const {
    RemoteModelOptions options;
    options.first_retry_wait = milliseconds(1);
    if (GetParam().slow) {
      options.first_byte_timeout = milliseconds(400);
      options.total_timeout = milliseconds(700);
    }
    options.max_response_bytes = 1 << 20;
    return options;
  }
};

TEST_P(HostileServer, IsAskedAgainAndOthersAreNotHarmed) {
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (request.number == 0) return GetParam().misbehave(peer);
    peer.reply(200, chat_reply("fine"));
  });
  RemoteModelOptions with = options();
  with.urls = {server.url()};
  const auto model = open_remote_model(with);
  EXPECT_EQ(one(*model, ask("q")).text, "fine");
}

TEST_P(HostileServer, ThatNeverGetsBetterIsOneClearLine) {
  ScriptedServer server(
      [&](const ScriptedRequest&, ScriptedConnection& peer) { GetParam().misbehave(peer); });
  RemoteModelOptions with = options();
  with.urls = {server.url()};
  with.max_attempts = 2;
  const auto model = open_remote_model(with);
  const GenerationResult result = one(*model, ask("q"));
  EXPECT_EQ(result.stop, StopReason::kFailed);
  EXPECT_THAT(result.error, AllOf(StartsWith(server.url() + ": "), HasSubstr(GetParam().told),
                                  HasSubstr("(2 attempts)"), Not(HasSubstr("\n"))));
  EXPECT_LE(result.error.size(), 500U);
}

std::string head(const std::string& more) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{}\r\n", more);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, HostileServer,
    testing::Values(
        Hostile{"Hangs", [](ScriptedConnection& peer) { peer.wait_closed(); },
                "no reply began within 0.4 s", true},
        Hostile{"HangsInTheBody",
                [](ScriptedConnection& peer) {
                  peer.send(head("Content-Length: 500\r\n") + "{");
                  peer.wait_closed();
                },
                "not finished within 0.7 s", true},
        Hostile{"DripsSlowly",
                [](ScriptedConnection& peer) {
                  peer.send(head("Content-Length: 100000\r\n"));
                  while (!peer.closed()) {
                    peer.send(" ");
                    std::this_thread::sleep_for(milliseconds(5));
                  }
                },
                "not finished within 0.7 s", true},
        Hostile{"ResetsAtOnce", [](ScriptedConnection& peer) { peer.reset(); },
                "the connection broke"},
        Hostile{"ResetsMidBody",
                [](ScriptedConnection& peer) {
                  peer.send(head("Content-Length: 500\r\n") + "{\"choices\":[");
                  peer.reset();
                },
                "the connection broke"},
        Hostile{"HalfABody",
                [](ScriptedConnection& peer) {
                  peer.send(head("Content-Length: 500\r\n") + "{\"choices\":[");
                  peer.close();
                },
                "the connection broke after 12 bytes"},
        Hostile{"HalfABodyWithoutLength",
                [](ScriptedConnection& peer) {
                  peer.send(head("Connection: close\r\n") + "{\"choices\":[");
                  peer.close();
                },
                "broken JSON came: '{\"choices\":['"},
        Hostile{"ChunksThatEndEarly",
                [](ScriptedConnection& peer) {
                  peer.send(head("Transfer-Encoding: chunked\r\n") + "c\r\n{\"choices\":[\r\n");
                  peer.close();
                },
                "the connection broke"},
        Hostile{"ClosesWithoutAWord", [](ScriptedConnection& peer) { peer.close(); },
                "the connection broke"},
        Hostile{"Html",
                [](ScriptedConnection& peer) {
                  peer.reply(200, "<!DOCTYPE html><html>Log in</html>", "text/html");
                },
                "HTML came instead of JSON"},
        Hostile{"NotHttp",
                [](ScriptedConnection& peer) {
                  peer.send("220 smtp ready\r\n");
                  peer.close();
                },
                ""},
        Hostile{"WrongJson", [](ScriptedConnection& peer) { peer.reply(200, "{\"a\":}"); },
                "broken JSON came"},
        Hostile{"EmptyChoices",
                [](ScriptedConnection& peer) { peer.reply(200, "{\"choices\":[]}"); },
                "without choices"},
        Hostile{"WrongTypes",
                [](ScriptedConnection& peer) {
                  peer.reply(200, R"({"choices":[{"message":{"content":{"a":1}}}]})");
                },
                "no text"},
        Hostile{"InvalidUtf8",
                [](ScriptedConnection& peer) {
                  peer.reply(200, "{\"choices\":[{\"message\":{\"content\":\"\xC3\x28\"}}]}");
                },
                "broken JSON came"},
        Hostile{"DeepJson",
                [](ScriptedConnection& peer) { peer.reply(200, std::string(900'000, '[')); },
                "something other than JSON"},
        Hostile{"TenMegabytes",
                [](ScriptedConnection& peer) {
                  static const std::string reply = chat_reply(std::string(10 << 20, 'x'));
                  peer.reply(200, reply);
                },
                "more than the 1048576 bytes allowed"},
        Hostile{"EndlessHeaders",
                [](ScriptedConnection& peer) {
                  peer.send("HTTP/1.1 200 OK\r\n");
                  while (!peer.closed()) peer.send(fmt::format("X-More: {:x>1000}\r\n", ""));
                },
                "bytes allowed came"},
        Hostile{"EndlessInterimReplies",
                [](ScriptedConnection& peer) {
                  while (!peer.closed()) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
                },
                ""}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace memagent
