// The protocol's state machine: messages in, replies out. What is expected follows from
// JSON-RPC 2.0 and the protocol's published versions.
#include "mcp/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace memagent {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ProtocolTest : public testing::Test {
 protected:
  Received take(const json& message) { return protocol.receive(message.dump()); }
  // The one reply to a message.
  json reply(const json& message) { return only(take(message)); }
  json reply_to_line(std::string_view line) { return only(protocol.receive(line)); }
  static json only(const Received& received) {
    EXPECT_EQ(received.replies.size(), 1U);
    return received.replies.empty() ? json() : json::parse(received.replies[0]);
  }
  static json request(const json& id, const std::string& method,
                      const json& params = json::object()) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  }
  static json ask(const json& id, const json& arguments = {{"question", "Who?"}, {"text", "It."}}) {
    return request(id, "tools/call", {{"name", "ask_documents"}, {"arguments", arguments}});
  }
  static json cancelled(const json& id) {
    return {
        {"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", id}}}};
  }
  json begin(const std::string& version = "2025-06-18") {
    return reply(request("hello", "initialize",
                         {{"protocolVersion", version},
                          {"capabilities", json::object()},
                          {"clientInfo", {{"name", "test"}, {"version", "1"}}}}));
  }
  ToolCall call(const json& message) {
    Received received = take(message);
    EXPECT_TRUE(received.replies.empty()) << received.replies[0];
    EXPECT_EQ(received.calls.size(), 1U);
    return received.calls.at(0);
  }

  Protocol protocol{{.version = "1.2.3", .most_calls = 3}};
};

TEST_F(ProtocolTest, AgreesOnTheClientsVersion) {
  for (const char* version : {"2025-06-18", "2025-03-26", "2024-11-05"}) {
    protocol = Protocol({.version = "1.2.3"});
    const json result = begin(version)["result"];
    EXPECT_EQ(result["protocolVersion"], version);
    EXPECT_EQ(result["serverInfo"]["name"], "memagent");
    EXPECT_EQ(result["serverInfo"]["version"], "1.2.3");
    EXPECT_TRUE(result["capabilities"].contains("tools"));
  }
}

TEST_F(ProtocolTest, OffersTheLatestVersionItKnows) {
  EXPECT_EQ(begin("2099-01-01")["result"]["protocolVersion"], "2025-06-18");
}

TEST_F(ProtocolTest, BeginsOnce) {
  EXPECT_EQ(reply(request(1, "tools/list"))["error"]["code"], -32600);
  EXPECT_EQ(reply(ask(2))["error"]["code"], -32600);
  EXPECT_EQ(reply(request(3, "initialize"))["error"]["code"], -32602);
  EXPECT_EQ(reply(request(4, "initialize", {{"protocolVersion", 7}}))["error"]["code"], -32602);
  begin();
  EXPECT_EQ(begin()["error"]["code"], -32600);
}

TEST_F(ProtocolTest, AnswersAPingAtAnyTime) {
  const json expected = {{"jsonrpc", "2.0"}, {"id", 1}, {"result", json::object()}};
  EXPECT_EQ(reply(request(1, "ping")), expected);
  begin();
  EXPECT_EQ(reply(request(1, "ping")), expected);
}

TEST_F(ProtocolTest, GivesAnIdBackAsItCame) {
  for (const json& id : {json(0), json(-7), json(9007199254740993), json(1.5), json("x"), json(""),
                         json("\"\n\u00e9")}) {
    EXPECT_EQ(reply(request(id, "ping"))["id"], id);
  }
}

TEST_F(ProtocolTest, RefusesWhatIsNoJson) {
  std::string deep(100, '[');
  deep += std::string(100, ']');
  std::string many = "[";
  for (int i = 0; i < 1'000'000; ++i) many += "0,";
  many += "0]";
  for (const std::string& line :
       {std::string("{"), std::string("hello"), std::string("{'a': 1}"), std::string("\"\xff\""),
        std::string("{} {}"), deep, many, std::string("{\"a\": 1e999}"), std::string("\0", 1)}) {
    const json error = reply_to_line(line);
    EXPECT_EQ(error["error"]["code"], -32700) << line.substr(0, 50);
    EXPECT_TRUE(error["id"].is_null());
    EXPECT_EQ(error["jsonrpc"], "2.0");
  }
}

TEST_F(ProtocolTest, RefusesWhatIsNoMessage) {
  begin();
  for (const char* line :
       {"null", "1", "\"ping\"", "{}", "[]", R"({"jsonrpc":"1.0","id":1,"method":"ping"})",
        R"({"id":1,"method":"ping"})", R"({"jsonrpc":"2.0","id":1,"method":7})",
        R"({"jsonrpc":"2.0","id":1})", R"({"jsonrpc":"2.0","id":null,"method":"ping"})",
        R"({"jsonrpc":"2.0","id":{},"method":"ping"})",
        R"({"jsonrpc":"2.0","id":[1],"method":"ping"})",
        R"({"jsonrpc":"2.0","id":true,"method":"ping"})"}) {
    EXPECT_EQ(reply_to_line(line)["error"]["code"], -32600) << line;
  }
  // An id that can be told goes back.
  EXPECT_EQ(reply_to_line(R"({"jsonrpc":"2.0","id":5,"method":7})")["id"], 5);
}

TEST_F(ProtocolTest, DoesNotKnowOtherMethods) {
  begin();
  for (const char* method : {"resources/list", "prompts/list", "tools", "", "notifications/x"}) {
    const json error = reply(request(1, method));
    EXPECT_EQ(error["error"]["code"], -32601) << method;
    EXPECT_EQ(error["id"], 1);
  }
}

TEST_F(ProtocolTest, RefusesParametersOfWrongTypes) {
  begin();
  EXPECT_EQ(reply(request(1, "ping", {1}))["error"]["code"], -32602);
  EXPECT_EQ(reply(request(1, "tools/list", {{"cursor", "x"}}))["error"]["code"], -32602);
  for (const json& params :
       {json::object(), json{{"name", 1}}, json{{"name", "no_such_tool"}},
        json{{"name", "ask_documents"}}, json{{"name", "ask_documents"}, {"arguments", "x"}},
        json{{"name", "session_status"}, {"arguments", {{"session", 1}}}},
        json{{"name", "session_status"}, {"arguments", {{"other", 1}}}},
        json{{"name", "session_status"}, {"_meta", {{"progressToken", json::array()}}}}}) {
    EXPECT_EQ(reply(request(1, "tools/call", params))["error"]["code"], -32602) << params;
  }
}

TEST_F(ProtocolTest, NamesTheArgumentAtFault) {
  begin();
  const auto message = [&](const json& arguments) {
    const json error = reply(ask(1, arguments))["error"];
    EXPECT_EQ(error["code"], -32602);
    return error["message"].get<std::string>();
  };
  EXPECT_THAT(message({{"question", "Who?"}}), HasSubstr("files and text are missing"));
  EXPECT_THAT(message({{"text", "It."}}), HasSubstr("question is missing"));
  EXPECT_THAT(message({{"question", ""}, {"text", ""}}), HasSubstr("question must be"));
  EXPECT_THAT(message({{"question", 1}, {"text", ""}}), HasSubstr("question must be"));
  EXPECT_THAT(message({{"question", "a"}, {"questions", {"b"}}, {"text", ""}}),
              HasSubstr("not both"));
  EXPECT_THAT(message({{"questions", json::array()}, {"text", ""}}), HasSubstr("questions must"));
  EXPECT_THAT(message({{"questions", {"a", 1}}, {"text", ""}}), HasSubstr("questions[1]"));
  EXPECT_THAT(message({{"questions", std::vector<std::string>(65, "a")}, {"text", ""}}),
              HasSubstr("1 to 64"));
  EXPECT_THAT(message({{"question", "a"}, {"files", "x"}}), HasSubstr("files must be an array"));
  EXPECT_THAT(message({{"question", "a"}, {"files", {std::string("a\0b", 3)}}}),
              HasSubstr("files[0] must not have NUL"));
  EXPECT_THAT(message({{"question", "a"}, {"text", {1}}}), HasSubstr("text must be a string"));
  EXPECT_THAT(message({{"question", "a"}, {"text", ""}, {"session", ""}}), HasSubstr("session"));
  EXPECT_THAT(message({{"question", "a"}, {"text", ""}, {"session", std::string(201, 'a')}}),
              HasSubstr("200"));
  EXPECT_THAT(message({{"question", "a"}, {"path", "x"}}), HasSubstr("no argument 'path'"));
}

TEST_F(ProtocolTest, ReadsArguments) {
  begin();
  const auto first = std::get<AskArguments>(
      call(ask(1,
               {{"questions", {"a", "b"}}, {"files", {"x", "y"}}, {"text", ""}, {"session", "s"}}))
          .arguments);
  EXPECT_THAT(first.questions, testing::ElementsAre("a", "b"));
  EXPECT_THAT(first.files, testing::ElementsAre("x", "y"));
  EXPECT_EQ(first.text, "");
  EXPECT_EQ(first.session, "s");
  // A session may bring all the rest; null is as good as nothing.
  const auto second = std::get<AskArguments>(
      call(ask(2, {{"session", "s"}, {"question", nullptr}, {"files", nullptr}})).arguments);
  EXPECT_TRUE(second.questions.empty());
  EXPECT_FALSE(second.text);
}

TEST_F(ProtocolTest, ListsItsToolsWithTheirSchemas) {
  begin();
  const json tools = reply(request(1, "tools/list"))["result"]["tools"];
  ASSERT_EQ(tools.size(), 2U);
  EXPECT_EQ(tools[0]["name"], "ask_documents");
  EXPECT_EQ(tools[1]["name"], "session_status");
  for (const json& tool : tools) {
    EXPECT_EQ(tool["inputSchema"]["type"], "object");
    EXPECT_EQ(tool["outputSchema"]["type"], "object");
    EXPECT_FALSE(tool["description"].get<std::string>().empty());
    // Every argument that the schema names is read.
    for (const auto& [key, value] : tool["inputSchema"]["properties"].items()) {
      json arguments = {{key, nullptr}};
      if (tool["name"] == "ask_documents") arguments["session"] = "s";
      EXPECT_TRUE(take(request(2, "tools/call", {{"name", tool["name"]}, {"arguments", arguments}}))
                      .replies.empty())
          << key;
      take(cancelled(2));
    }
  }
}

TEST_F(ProtocolTest, AResultIsTextAndStructure) {
  begin();
  const ToolCall asked = call(ask("a"));
  EXPECT_EQ(asked.id, "\"a\"");
  const json message = json::parse(*protocol.end_call(asked, {R"({"answers":["\u00e9"]})", ""}));
  EXPECT_EQ(message["id"], "a");
  EXPECT_EQ(message["result"]["isError"], false);
  EXPECT_EQ(message["result"]["structuredContent"]["answers"][0], "\u00e9");
  EXPECT_EQ(json::parse(message["result"]["content"][0]["text"].get<std::string>()),
            message["result"]["structuredContent"]);
  EXPECT_FALSE(protocol.end_call(asked, {"{}", ""}));  // only once
}

TEST_F(ProtocolTest, AToolsErrorIsAResult) {
  begin();
  const json message = json::parse(*protocol.end_call(call(ask(1)), {"", "no such \xff file"}));
  EXPECT_FALSE(message.contains("error"));
  EXPECT_EQ(message["result"]["isError"], true);
  EXPECT_FALSE(message["result"].contains("structuredContent"));
  EXPECT_THAT(message["result"]["content"][0]["text"].get<std::string>(),
              HasSubstr("no such \uFFFD file"));
}

TEST_F(ProtocolTest, OneIdAtATime) {
  begin();
  const ToolCall first = call(ask(1));
  EXPECT_EQ(reply(ask(1))["error"]["code"], -32600);
  EXPECT_EQ(reply(request(1, "ping"))["error"]["code"], -32600);
  call(ask("1"));  // another id
  EXPECT_TRUE(protocol.end_call(first, {"{}", ""}));
  call(ask(1));
}

TEST_F(ProtocolTest, TooManyCallsAreRefused) {
  begin();
  const ToolCall first = call(ask(1));
  call(ask(2));
  call(ask(3));
  const json refused = reply(ask(4));
  EXPECT_EQ(refused["result"]["isError"], true);
  EXPECT_THAT(refused["result"]["content"][0]["text"].get<std::string>(), HasSubstr("3 calls"));
  protocol.end_call(first, {"{}", ""});
  call(ask(4));
}

TEST_F(ProtocolTest, ACancelledCallIsNotAnswered) {
  begin();
  const ToolCall first = call(ask(1));
  const Received received = take(cancelled(1));
  EXPECT_TRUE(received.replies.empty());
  EXPECT_THAT(received.cancelled, testing::ElementsAre(first.number));
  EXPECT_FALSE(protocol.end_call(first, {"{}", ""}));
  // The id is free at once; what is left of the call before does not answer for the next.
  const ToolCall second = call(ask(1));
  EXPECT_FALSE(protocol.end_call(first, {"{}", ""}));
  EXPECT_TRUE(protocol.end_call(second, {"{}", ""}));
}

TEST_F(ProtocolTest, NotificationsAreNeverAnswered) {
  begin();
  for (const json& message :
       {json{{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}},
        json{{"jsonrpc", "2.0"}, {"method", "notifications/other"}, {"params", {1}}},
        json{{"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}},
        json{{"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {1}}},
        json{{"jsonrpc", "2.0"}, {"method", "tools/call"}, {"params", 1}}, cancelled(17),
        cancelled({1, 2}), json{{"jsonrpc", "2.0"}, {"id", 1}, {"result", {1}}},
        json{{"jsonrpc", "2.0"}, {"id", 1}, {"error", {{"code", 1}}}}}) {
    const Received received = take(message);
    EXPECT_TRUE(received.replies.empty()) << message;
    EXPECT_TRUE(received.calls.empty()) << message;
    EXPECT_TRUE(received.cancelled.empty()) << message;
  }
  for (const char* line : {"", " ", "\r", "\t \r"}) {
    EXPECT_TRUE(protocol.receive(line).replies.empty());
  }
}

TEST_F(ProtocolTest, ProgressIsForThoseWhoWantIt) {
  begin();
  const ToolCall plain = call(ask(1));
  json wanting = ask(2);
  wanting["params"]["_meta"] = {{"progressToken", "tok\"en"}};
  const ToolCall watched = call(wanting);
  EXPECT_FALSE(protocol.progress(plain, {50, "half"}));
  EXPECT_EQ(json::parse(*protocol.progress(watched, {12.5, "x\ny"})),
            json({{"jsonrpc", "2.0"},
                  {"method", "notifications/progress"},
                  {"params",
                   {{"progressToken", "tok\"en"},
                    {"progress", 12.5},
                    {"total", 100},
                    {"message", "x\ny"}}}}));
  protocol.end_call(watched, {"{}", ""});
  EXPECT_FALSE(protocol.progress(watched, {100, "late"}));
}

TEST_F(ProtocolTest, RepliesAreLines) {
  begin();
  const ToolCall asked = call(ask("a\nb", {{"question", "x\ny"}, {"text", "1\n2"}}));
  EXPECT_EQ(protocol.end_call(asked, {"", "a\nb"})->find('\n'), std::string::npos);
  EXPECT_EQ(Protocol::refuse_line(10).find('\n'), std::string::npos);
  EXPECT_EQ(json::parse(Protocol::refuse_line(10))["error"]["code"], -32600);
}

// Arrays of messages belong to 2025-03-26 alone.

TEST_F(ProtocolTest, BatchesAreOfOneVersionAlone) {
  const json batch = {request(1, "ping")};
  EXPECT_EQ(reply(batch)["error"]["code"], -32600);
  begin("2025-06-18");
  EXPECT_EQ(reply(batch)["error"]["code"], -32600);
  protocol = Protocol({.version = "1"});
  begin("2025-03-26");
  EXPECT_EQ(reply(batch), json({{{"jsonrpc", "2.0"}, {"id", 1}, {"result", json::object()}}}));
  EXPECT_EQ(reply(json::array())["error"]["code"], -32600);
  EXPECT_EQ(reply(json(std::vector<json>(101, batch[0])))["error"]["code"], -32600);
}

TEST_F(ProtocolTest, ABatchIsAnsweredWhole) {
  begin("2025-03-26");
  const Received received =
      take({request(1, "ping"), ask(2), 7, ask(3), cancelled(9), request(4, "other")});
  EXPECT_TRUE(received.replies.empty());
  ASSERT_EQ(received.calls.size(), 2U);
  EXPECT_FALSE(protocol.end_call(received.calls[1], {"{}", ""}));
  const json replies = json::parse(*protocol.end_call(received.calls[0], {"{}", ""}));
  ASSERT_EQ(replies.size(), 5U);
  EXPECT_EQ(replies[0]["id"], 1);
  EXPECT_EQ(replies[1]["error"]["code"], -32600);
  EXPECT_EQ(replies[2]["error"]["code"], -32601);
  EXPECT_EQ(replies[3]["id"], 3);
  EXPECT_EQ(replies[4]["id"], 2);
}

TEST_F(ProtocolTest, ABatchDoesNotWaitForWhatIsCancelled) {
  begin("2025-03-26");
  Received received = take({request(1, "ping"), ask(2)});
  EXPECT_TRUE(received.replies.empty());
  EXPECT_EQ(reply(cancelled(2)).size(), 1U);
  EXPECT_FALSE(protocol.end_call(received.calls[0], {"{}", ""}));
  // Nothing to answer is no answer.
  received = take({ask(3), cancelled(3)});
  EXPECT_TRUE(received.replies.empty());
  EXPECT_TRUE(take({cancelled(3)}).replies.empty());
}

}  // namespace
}  // namespace memagent
