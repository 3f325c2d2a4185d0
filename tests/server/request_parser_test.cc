// Requests as OpenAI's clients write them, and as nobody should.
#include "server/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api_error.h"

namespace memagent {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::vector<std::string> kKeys = {"section_tokens", "policy"};

CompletionRequest parse(const std::string& body, CompletionApi api = CompletionApi::kChat) {
  return parse_completion_request(api, body, kKeys);
}

// What a chat with these fields besides a good conversation is refused with.
std::string refusal(const std::string& fields) {
  try {
    parse(R"({"messages":[{"role":"user","content":"q"}],)" + fields + "}");
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    return error.what();
  }
  return "accepted";
}

TEST(RequestParser, ReadsWhatTheOpenAiClientSends) {
  const CompletionRequest request = parse(R"({
      "model": "m", "stream": true, "stream_options": {"include_usage": true},
      "max_tokens": 7, "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 3,
      "stop": ["a", "b"], "n": 1, "tools": [], "user": "somebody", "logprobs": null,
      "presence_penalty": 0, "response_format": {"type": "text"},
      "messages": [{"role": "developer", "content": "Be brief."},
                   {"role": "user", "content": [{"type": "text", "text": "one"},
                                                {"type": "file", "file": {"file_id": "file-1"}}]},
                   {"role": "assistant", "content": null}]})");
  EXPECT_EQ(request.model, "m");
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.max_tokens, 9);  // the newer name
  EXPECT_EQ(request.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.settings_json, R"({"seed":3,"temperature":0.5,"top_p":0.9})");
  ASSERT_EQ(request.messages.size(), 3U);
  EXPECT_EQ(request.messages[0].role, "system");
  ASSERT_EQ(request.messages[1].parts.size(), 2U);
  EXPECT_EQ(request.messages[1].parts[0].text, "one");
  EXPECT_EQ(request.messages[1].parts[1].file_id, "file-1");
  EXPECT_TRUE(request.messages[2].parts.empty());
}

TEST(RequestParser, ReadsOurOwnField) {
  const CompletionRequest request = parse(R"({"messages": [{"role": "user", "content": "d"}],
      "temperature": 1, "memagent": {"question": "q", "document": "", "read": "always",
                                     "section_tokens": 100, "policy": "gated"}})");
  EXPECT_EQ(request.question, "q");
  EXPECT_EQ(request.document, "");
  EXPECT_EQ(request.read, ReadMode::kAlways);
  EXPECT_EQ(request.settings_json, R"({"policy":"gated","section_tokens":100,"temperature":1})");
}

TEST(RequestParser, ATopPOfNothingIsTheLikeliestToken) {
  const auto settings = [](const std::string& fields) {
    return parse_completion_request(
               CompletionApi::kChat,
               R"({"messages": [{"role": "user", "content": "Hi"}], )" + fields + "}", {})
        .settings_json;
  };
  EXPECT_EQ(settings(R"("top_p": 0, "temperature": 0.7)"), R"({"temperature":0})");
  EXPECT_EQ(settings(R"("top_p": 0.0)"), R"({"temperature":0})");
}

TEST(RequestParser, APromptIsOneUserMessage) {
  for (const char* body : {R"({"prompt": "text"})", R"({"prompt": ["text"]})"}) {
    const CompletionRequest request = parse(body, CompletionApi::kText);
    ASSERT_EQ(request.messages.size(), 1U);
    EXPECT_EQ(request.messages[0].role, "user");
    EXPECT_EQ(request.messages[0].parts.at(0).text, "text");
  }
  EXPECT_THROW(parse(R"({"prompt": ["a", "b"]})", CompletionApi::kText), ApiError);
  EXPECT_THROW(parse(R"({"prompt": [1, 2]})", CompletionApi::kText), ApiError);
}

TEST(RequestParser, RefusesWhatItCannotHonour) {
  EXPECT_THAT(refusal(R"("n": 2)"), StartsWith("n: only one answer"));
  EXPECT_THAT(refusal(R"("tools": [{"type": "function"}])"), StartsWith("tools: "));
  EXPECT_THAT(refusal(R"("logprobs": true)"), StartsWith("logprobs: "));
  EXPECT_THAT(refusal(R"("frequency_penalty": 0.5)"), StartsWith("frequency_penalty: "));
  EXPECT_THAT(refusal(R"("logit_bias": {"5": 1})"), StartsWith("logit_bias: "));
  EXPECT_THAT(refusal(R"("response_format": {"type": "json_object"})"),
              StartsWith("response_format: "));
  EXPECT_EQ(refusal(R"("n": 1, "frequency_penalty": 0, "logit_bias": {})"), "accepted");
}

TEST(RequestParser, NamesTheFieldAtFault) {
  EXPECT_THAT(refusal(R"("stream": "yes")"), StartsWith("stream: "));
  EXPECT_THAT(refusal(R"("max_tokens": 0)"), StartsWith("max_tokens: "));
  EXPECT_THAT(refusal(R"("max_tokens": 1.5)"), StartsWith("max_tokens: "));
  EXPECT_THAT(refusal(R"("temperature": "hot")"), StartsWith("temperature: "));
  EXPECT_THAT(refusal(R"("temperature": -1)"), StartsWith("temperature: "));
  EXPECT_THAT(refusal(R"("top_p": 1.5)"), StartsWith("top_p: "));
  EXPECT_THAT(refusal(R"("seed": "x")"), StartsWith("seed: "));
  EXPECT_THAT(refusal(R"("stop": ["", "a"])"), StartsWith("stop: "));
  EXPECT_THAT(refusal(R"("stop": ["1", "2", "3", "4", "5"])"), StartsWith("stop: "));
  EXPECT_THAT(refusal(R"("memagent": {"sections": 3})"),
              AllOf(StartsWith("memagent.sections: "), HasSubstr("section_tokens, policy")));
  EXPECT_THAT(refusal(R"("memagent": {"read": "sometimes"})"), HasSubstr("auto, always or never"));
  EXPECT_THAT(refusal(R"("memagent": {"policy": {}})"), StartsWith("memagent.policy: "));
  EXPECT_THAT(refusal(R"("memagent": {"question": ""})"), StartsWith("memagent.question: "));
  EXPECT_THAT(refusal(R"("model": 3)"), StartsWith("model: "));
  // The routes of a session have its name in their path.
  for (const char* name : {"a/b", "/", ".", ".."}) {
    EXPECT_THAT(refusal(R"("memagent": {"session": ")" + std::string(name) + "\"}"),
                StartsWith("memagent.session: "))
        << name;
  }
}

TEST(RequestParser, RefusesMessagesThatAreNone) {
  for (const char* body :
       {R"({})", R"({"messages": []})", R"({"messages": "hello"})", R"({"messages": ["hello"]})",
        R"({"messages": [{"role": "king", "content": "x"}]})",
        R"({"messages": [{"role": "user", "content": 5}]})",
        R"({"messages": [{"role": "user", "content": [5]}]})",
        R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
        R"({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]})"}) {
    EXPECT_THROW(parse(body), ApiError) << body;
  }
}

TEST(RequestParser, RefusesWhatIsNoJsonObject) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("{\"messages\": \"\xFF\"}"), deep, "{\"messages\": " + deep + "}",
        std::string(R"({"messages": [{"role": "user", "content": "x"}]} trailing)")}) {
    EXPECT_THROW(parse(body), ApiError) << body.substr(0, 40);
  }
}

// 64 MB of text would otherwise take gigabytes once parsed.
TEST(RequestParser, RefusesMoreValuesThanAConversationHas) {
  const auto body = [](const std::string& value, std::size_t count) {
    std::string values;
    for (std::size_t i = 0; i < count; ++i) values += value + ",";
    return R"({"messages": [{"role": "user", "content": "x"}], "metadata": [)" + values + "0]}";
  };
  EXPECT_NO_THROW(parse(body("0", 100'000)));
  EXPECT_THROW(parse(body("0", 200'000)), ApiError);
  EXPECT_THROW(parse(body("[]", 100'000)), ApiError);
  EXPECT_THROW(parse(body("{}", 100'000)), ApiError);
  EXPECT_NO_THROW(parse(body("\",[{\"", 50'000)));  // a text is one value, whatever is in it
}

TEST(ApiErrors, HaveOpenAisShape) {
  EXPECT_EQ(ApiError(404, "no such \"model\"", "model", "model_not_found").json(),
            R"({"error":{"code":"model_not_found","message":"no such \"model\"",)"
            R"("param":"model","type":"invalid_request_error"}})");
  EXPECT_EQ(ApiError(Error(ErrorKind::kModel, "m")).status(), 502);
  EXPECT_EQ(ApiError(Error(ErrorKind::kUsage, "m")).status(), 400);
  EXPECT_EQ(ApiError(Error(ErrorKind::kStorage, "m")).status(), 503);
}

}  // namespace
}  // namespace memagent
