// `memagent ask` over an endpoint that the test controls: what it does when the server misbehaves,
// when a file changes while it is read, and which settings follow from the kind of model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/ask_support.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// The memory is the number of the section; the answer is the memory.
std::string reply_to(const ScriptedRequest& request) {
  return "call " + std::to_string(request.number);
}

class AskEndpointTest : public testing::Test {
 protected:
  AskEndpointTest() { write_file(document_, english(4000)); }

  std::vector<std::string> ask(const ScriptedServer& server, const std::vector<std::string>& more,
                               const std::string& section_tokens = "200") const {
    std::vector<std::string> arguments = {"ask",
                                          "--endpoint",
                                          server.url(),
                                          "--model-name",
                                          "test-model",
                                          "-q",
                                          "Who?",
                                          document_,
                                          "--attempts",
                                          "1",
                                          "--timeout",
                                          "1",
                                          "--memory-tokens",
                                          "64",
                                          "--output-tokens",
                                          "64",
                                          "--question-tokens",
                                          "64",
                                          "--section-tokens",
                                          section_tokens};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  ScratchFolder folder_;
  std::string document_ = folder_ / "document.txt";
};

TEST_F(AskEndpointTest, LookaheadFollowsFromTheKindOfModelAndThePolicy) {
  const ScriptedServer server([](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(200, chat_reply("KEEP"));
  });
  const auto lookahead_of = [](const RunResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return json::parse(result.output)["settings"]["lookahead"];
  };
  const auto over_endpoint = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = ask(server, {"--json"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return lookahead_of(run_memagent(arguments));
  };
  EXPECT_EQ(over_endpoint({}), 1);
  EXPECT_EQ(over_endpoint({"--policy", "gated"}), 8);
  EXPECT_EQ(over_endpoint({"--policy", "gated", "--lookahead", "3"}), 3);
  const auto local = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = tiny_ask({"-q", "Who?", document_, "--json"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return lookahead_of(run_memagent(arguments));
  };
  EXPECT_EQ(local({}), 1);
  EXPECT_EQ(local({"--policy", "gated"}), 1);
}

// Looked like success: an empty line, and nothing else said.
TEST_F(AskEndpointTest, AnEmptyAnswerIsToldOf) {
  for (const char* reply : {"", " \n", "<think>Who? I do not know.</think>\n"}) {
    SCOPED_TRACE(reply);
    const ScriptedServer server([&](const ScriptedRequest&, ScriptedConnection& peer) {
      peer.reply(200, chat_reply(reply));
    });
    const std::string warning = "memagent: the model's answer is empty\n";
    const RunResult result = run_memagent(ask(server, {}));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.output, "\n");
    EXPECT_THAT(result.errors, HasSubstr(warning));
    const RunResult two = run_memagent(ask(server, {"-q", "Why?"}));
    EXPECT_THAT(two.errors, HasSubstr("memagent: 2 of the model's 2 answers are empty\n"));
    EXPECT_EQ(run_memagent(ask(server, {"--quiet"})).errors, "");
    EXPECT_EQ(run_memagent(ask(server, {"--json"})).errors, "");
  }
  const ScriptedServer talks([](const ScriptedRequest&, ScriptedConnection& peer) {
    peer.reply(200, chat_reply("The keeper."));
  });
  EXPECT_THAT(run_memagent(ask(talks, {})).errors, testing::Not(HasSubstr("empty")));
}

TEST_F(AskEndpointTest, ASessionBelongsToTheModelThatIsServed) {
  std::atomic<bool> well{false};
  const auto script = [&](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (request.number >= 2 && !well) return peer.reply(401, "{}");
    peer.reply(200, chat_reply(reply_to(request)));
  };
  const std::vector<std::string> session = {"--session", "s", "--store", folder_ / "store"};
  const ScriptedServer server(script);
  const ScriptedServer other(script, 0, false, "other-model");
  EXPECT_EQ(run_memagent(ask(server, session)).exit_code, 4);
  const auto refused = [&](const std::vector<std::string>& more, const std::string& what) {
    std::vector<std::string> arguments = {"ask"};
    arguments.insert(arguments.end(), session.begin(), session.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    const RunResult result = run_memagent(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("session 's': " + what));
  };
  const std::string other_name =
      "model was \"served as test-model, tokens counted by an estimate\", now \"served as "
      "other-model";
  refused({"--endpoint", other.url(), "--model-name", "other-model"}, other_name);
  // Other tokens are other sections.
  refused({"--tokenizer", tiny_model()}, "tokenizer was \"the server's\"");
  well = true;
  const RunResult rest = run_memagent({"ask", "--session", "s", "--store", folder_ / "store"});
  EXPECT_EQ(rest.exit_code, 0) << rest.errors;
  // Finished, it answers without the server, but not for another model.
  refused({"--model-name", "other-model"}, other_name);
}

struct BadReply {
  const char* name;
  std::function<void(ScriptedConnection&)> send;
  const char* told;
};

// Two good replies, then bad ones only: one line that says what came, exit code 4, and nothing that
// was done is lost.
class BadReplies : public AskEndpointTest, public testing::WithParamInterface<BadReply> {};

TEST_P(BadReplies, AreOneLineAndKeepTheSession) {
  std::atomic<bool> well{false};
  const ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (request.number >= 2 && !well) return GetParam().send(peer);
    peer.reply(200, chat_reply(reply_to(request)));
  });
  const std::string store = folder_ / "sessions.sqlite";
  const std::vector<std::string> arguments =
      ask(server, {"--session", "bad", "--store", store, "--trace", folder_ / "trace"});
  const RunResult bad = run_memagent(arguments);
  EXPECT_EQ(bad.exit_code, 4) << bad.errors;
  EXPECT_EQ(bad.output, "");
  EXPECT_EQ(std::count(bad.errors.begin(), bad.errors.end(), '\n'), 1) << bad.errors;
  EXPECT_LT(bad.errors.size(), 700U);
  EXPECT_THAT(bad.errors, AllOf(HasSubstr("memagent: "), HasSubstr(GetParam().told),
                                HasSubstr("(session 'bad' keeps 2 sections)")));
  well = true;
  const RunResult good = run_memagent(arguments);
  EXPECT_EQ(good.exit_code, 0) << good.errors;
  EXPECT_THAT(good.output, HasSubstr("call "));
  const std::string trace = read_file(folder_ / "trace");
  EXPECT_THAT(trace, AllOf(HasSubstr("call 0"), HasSubstr("call 1")));
}

std::string head(const std::string& more) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + more + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BadReplies,
    testing::Values(
        BadReply{"Hangs", [](ScriptedConnection& peer) { peer.wait_closed(); }, "within"},
        BadReply{"Resets", [](ScriptedConnection& peer) { peer.reset(); }, "the connection broke"},
        BadReply{"HalfABody",
                 [](ScriptedConnection& peer) {
                   peer.send(head("Content-Length: 500\r\n") + "{\"choices\":[");
                   peer.close();
                 },
                 "the connection broke after 12 bytes"},
        BadReply{"Html",
                 [](ScriptedConnection& peer) {
                   peer.reply(200, "<!DOCTYPE html><html>Log in</html>", "text/html");
                 },
                 "HTML came instead of JSON"},
        BadReply{"WrongJson", [](ScriptedConnection& peer) { peer.reply(200, "{\"a\":}"); },
                 "broken JSON came"},
        BadReply{"EmptyChoices",
                 [](ScriptedConnection& peer) { peer.reply(200, "{\"choices\":[]}"); },
                 "without choices"},
        BadReply{"TenMegabytes",
                 [](ScriptedConnection& peer) {
                   static const std::string reply = chat_reply(std::string(10 << 20, 'x'));
                   peer.reply(200, reply);
                 },
                 "bytes allowed"},
        BadReply{"Unauthorized",
                 [](ScriptedConnection& peer) {
                   peer.reply(401, R"({"error":{"message":"no such key"}})");
                 },
                 "no such key"},
        BadReply{"ServerError",
                 [](ScriptedConnection& peer) { peer.reply(500, "{\"error\":\"out of luck\"}"); },
                 "out of luck"}),
    [](const auto& kind) { return kind.param.name; });

// Changes the document when the second section is asked about; it is long enough that the rest of
// it has not been read by then.
TEST_F(AskEndpointTest, AFileThatShrinksWhileItIsReadIsAnErrorThatKeepsTheSession) {
  constexpr std::size_t kBytes = 4 << 20;
  write_file(document_, english(kBytes));
  const ScriptedServer server([&](const ScriptedRequest& request, ScriptedConnection& peer) {
    if (request.number == 1) std::filesystem::resize_file(document_, kBytes / 2);
    peer.reply(200, chat_reply(reply_to(request)));
  });
  const RunResult result = run_memagent(
      ask(server, {"--session", "shrinks", "--store", folder_ / "sessions.sqlite"}, "100K"));
  EXPECT_EQ(result.exit_code, 3) << result.errors;
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, AllOf(HasSubstr("document.txt' became shorter while it was read"),
                                   HasSubstr("(session 'shrinks' keeps ")));
  EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
}

TEST_F(AskEndpointTest, AFileThatGrowsWhileItIsReadIsReadAsItWas) {
  write_file(document_, english(1 << 20));
  std::atomic<bool> grow{false};
  const ScriptedServer server([&](const ScriptedRequest&, ScriptedConnection& peer) {
    if (grow.exchange(false)) std::ofstream(document_, std::ios::app) << english(1 << 20, 2);
    peer.reply(200, chat_reply("KEEP"));
  });
  const std::vector<std::string> arguments = ask(server, {"--policy", "gated", "--json"}, "50K");
  const json as_it_was = json::parse(run_memagent(arguments).output);
  grow = true;
  const json grown = json::parse(run_memagent(arguments).output);
  EXPECT_FALSE(grow);
  EXPECT_EQ(grown["document_tokens"], as_it_was["document_tokens"]);
  EXPECT_EQ(grown["sections"], as_it_was["sections"]);
  EXPECT_EQ(std::filesystem::file_size(document_),
            english(1 << 20).size() + english(1 << 20, 2).size());
}

}  // namespace
}  // namespace memagent
