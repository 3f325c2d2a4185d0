// Replies that come in pieces: cut short, watched as they grow, asked again where the stream
// breaks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memagent/remote_model.h"
#include "model/remote/remote_client.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using Json = nlohmann::json;
using testing::StartsWith;

TEST(RemoteStream, StreamsWhereAGenerationCanBeCutShort) {
  std::atomic<int> tokens_sent{0};
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    const Json body = Json::parse(request.body);
    EXPECT_EQ(body.at("stream"), true);
    peer.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        "Connection: close\r\n\r\n");
    peer.send(chat_event("KE") + chat_event("EP"));
    while (!peer.closed()) {
      peer.send(chat_event(" and"));
      ++tokens_sent;
    }
  });
  const auto model = open_remote_model(options_for({server.url()}));
  GenerationRequest request = ask("q");
  request.complete_responses = {"KEEP"};
  const GenerationResult result = one(*model, std::move(request));
  EXPECT_EQ(result.text, "KEEP");
  EXPECT_EQ(result.stop, StopReason::kEnd);
  EXPECT_EQ(result.generated_tokens, 2);
  EXPECT_GT(result.prompt_tokens, 0);
}

TEST(RemoteStream, ResponsesCanBeWatchedAsTheyGrow) {
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    for (const char* word : {"one", " two", " three"}) {
      peer.send(chat_event(word));
      if (request.number == 0) return peer.reset();
    }
    peer.send("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    peer.send("data: [DONE]\n\n");
    peer.close();
  });
  const auto model = open_remote_model(options_for({server.url()}));
  GenerationRequest request = ask("q");
  std::vector<std::string> seen;
  request.on_text = [&](std::string_view so_far) { seen.emplace_back(so_far); };
  EXPECT_EQ(one(*model, request).text, "one two three");
  // However the bytes arrived, each is a beginning of the whole, also after the first attempt
  // broke.
  ASSERT_FALSE(seen.empty());
  for (const std::string& text : seen) EXPECT_THAT("one two three", StartsWith(text));
  EXPECT_EQ(seen.back(), "one two three");
}

TEST(RemoteStream, ServersThatDoNotStreamAreAskedWithout) {
  ScriptedServer refuses([](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (Json::parse(request.body).contains("stream")) {
      return peer.reply(400, R"({"error":{"message":"stream_options is not allowed"}})");
    }
    peer.reply(200, chat_reply("KEEP it"));
  });
  auto model = open_remote_model(options_for({refuses.url()}));
  GenerationRequest request = ask("q");
  request.complete_responses = {"KEEP"};
  EXPECT_EQ(one(*model, request).text, "KEEP it");
  EXPECT_EQ(one(*model, request).text, "KEEP it");
  EXPECT_EQ(refuses.requests(kChatPath), 3) << "learnt once";
  ScriptedServer ignores([](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(200, chat_reply("whole"));
  });
  model = open_remote_model(options_for({ignores.url()}));
  EXPECT_EQ(one(*model, request).text, "whole");
}

TEST(RemoteStream, StreamThatBreaksIsAskedAgain) {
  ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" +
              chat_event("UP"));
    if (request.number == 0) return peer.reset();
    if (request.number == 1) return peer.close();
    peer.send(
        chat_event("DATE") +
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    peer.close();
  });
  const auto model = open_remote_model(options_for({server.url()}));
  GenerationRequest request = ask("q");
  request.complete_responses = {"KEEP"};
  EXPECT_EQ(one(*model, request).text, "UPDATE");
  EXPECT_EQ(server.requests(kChatPath), 3);
}

}  // namespace
}  // namespace memagent
