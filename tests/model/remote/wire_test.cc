// Bodies as servers really send them: shapes are from the OpenAI API reference and the
// documentation of vLLM and llama.cpp's server; hostile ones are made up.
#include "model/remote/wire.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace memagent {
namespace {

using Json = nlohmann::json;

GenerationRequest request_of(std::vector<Message> messages) {
  GenerationRequest request;
  request.prompt.messages = std::move(messages);
  request.max_tokens = 99;
  return request;
}

TEST(RequestBody, GreedyChatSaysNoMoreThanNeeded) {
  const GenerationRequest request = request_of({{"system", "s"}, {"user", "a \"b\" \n \xC3\xA9"}});
  EXPECT_EQ(Json::parse(request_body(request, "m", {}, false)),
            Json::parse(R"({"model":"m","messages":[{"role":"system","content":"s"},
              {"role":"user","content":"a \"b\" \n é"}],"max_tokens":99,"temperature":0.0})"));
}

TEST(RequestBody, SamplingExtensionsOnlyWhenSet) {
  GenerationRequest request = request_of({{"user", "x"}});
  request.sampling = {.temperature = 0.7F,
                      .top_k = 40,
                      .top_p = 0.9F,
                      .min_p = 0.05F,
                      .seed = 0xFFFFFFFF00000005ULL};
  const Json body = Json::parse(request_body(request, "m", {EndpointApi::kChat, true}, true));
  EXPECT_EQ(body, Json::parse(R"({"model":"m","messages":[{"role":"user","content":"x"}],
    "max_completion_tokens":99,"temperature":0.7,"top_k":40,"top_p":0.9,"min_p":0.05,"seed":5,
    "stream":true,"stream_options":{"include_usage":true}})"));
}

TEST(RequestBody, CompletionsGetOnePlainPrompt) {
  const GenerationRequest request = request_of({{"system", "Be brief."}, {"user", "Why?"}});
  const Json body = Json::parse(request_body(request, "m", {EndpointApi::kCompletions}, false));
  EXPECT_EQ(body.at("prompt"), "Be brief.\n\nWhy?\n\n");
  EXPECT_FALSE(body.contains("messages"));
  EXPECT_EQ(plain_prompt({{"user", "a"}, {"assistant", "b"}, {"user", "c"}}),
            "User: a\n\nAssistant: b\n\nUser: c\n\nAssistant:");
}

TEST(RequestBody, ExtraFieldsAreAddedOverOurOwn) {
  const WireDialect dialect{
      .extra_fields = R"({"chat_template_kwargs":{"enable_thinking":false},"temperature":0.5})"};
  const Json body = Json::parse(request_body(request_of({{"user", "x"}}), "m", dialect, false));
  EXPECT_EQ(body["chat_template_kwargs"], Json::parse(R"({"enable_thinking":false})"));
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["max_tokens"], 99);
}

TEST(RequestBody, InvalidUtf8IsRepaired) {
  const Json body = Json::parse(request_body(request_of({{"user",
                                                          "a\xFF"
                                                          "b\xC3"}}),
                                             "m", {}, false));
  EXPECT_EQ(body["messages"][0]["content"],
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(ReadReply, VllmChat) {
  const ReplyCheck check = read_reply(R"({"id":"chatcmpl-5","object":"chat.completion","created":1,
    "model":"Qwen/Qwen2.5-7B","choices":[{"index":0,"message":{"role":"assistant",
    "content":"Paris.","reasoning_content":"They ask for the capital.","tool_calls":[]},
    "logprobs":null,"finish_reason":"length","stop_reason":null}],
    "usage":{"prompt_tokens":100,"total_tokens":102,"completion_tokens":2,
    "prompt_tokens_details":{"cached_tokens":64}},"prompt_logprobs":null})",
                                      EndpointApi::kChat);
  EXPECT_EQ(check.problem, "");
  EXPECT_EQ(check.reply.text, "Paris.");
  EXPECT_EQ(check.reply.stop, StopReason::kLength);
  EXPECT_EQ(check.reply.prompt_tokens, 100);
  EXPECT_EQ(check.reply.cached_prompt_tokens, 64);
  EXPECT_EQ(check.reply.generated_tokens, 2);
}

TEST(ReadReply, LlamaCppSaysWhatWasCachedInTimings) {
  const ReplyCheck check = read_reply(R"({"choices":[{"finish_reason":"stop","index":0,
    "message":{"role":"assistant","content":"x"}}],"usage":{"completion_tokens":1,
    "prompt_tokens":9,"total_tokens":10},"timings":{"cache_n":8,"prompt_n":1}})",
                                      EndpointApi::kChat);
  EXPECT_EQ(check.reply.cached_prompt_tokens, 8);
}

TEST(ReadReply, Completions) {
  const ReplyCheck check =
      read_reply(R"({"choices":[{"text":" yes","index":0,"finish_reason":"stop"}]})",
                 EndpointApi::kCompletions);
  EXPECT_EQ(check.problem, "");
  EXPECT_EQ(check.reply.text, " yes");
  EXPECT_EQ(check.reply.prompt_tokens, -1) << "no usage came";
}

TEST(ReadReply, ContentMayBeNullOrParts) {
  const auto content = [](const std::string& json) {
    return read_reply(
        R"({"choices":[{"message":{"content":)" + json + R"(},"finish_reason":"stop"}]})",
        EndpointApi::kChat);
  };
  EXPECT_EQ(content("null").problem, "");
  EXPECT_EQ(content("null").reply.text, "");
  EXPECT_EQ(content(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])").reply.text, "ab");
  EXPECT_NE(content("7").problem, "");
  EXPECT_NE(content("{}").problem, "");
}

TEST(ReadReply, WhatIsNoReplySaysWhatCame) {
  const auto problem = [](std::string_view body, EndpointApi api = EndpointApi::kChat) {
    return read_reply(body, api).problem;
  };
  EXPECT_EQ(problem("<!DOCTYPE html>\n<html><body>hi"),
            "HTML came instead of JSON: '<!DOCTYPE html> <html><body>hi'");
  EXPECT_EQ(problem(""), "an empty reply came");
  EXPECT_EQ(problem(R"({"choices":[{"mess)"), R"(broken JSON came: '{"choices":[{"mess')");
  EXPECT_EQ(problem("hello"), "something other than JSON came: 'hello'");
  EXPECT_EQ(problem("[1]"), "something other than JSON came: '[1]'");
  EXPECT_EQ(problem(R"({"choices":[]})"), R"(a reply without choices came: '{"choices":[]}')");
  EXPECT_EQ(problem(R"({"error":{"message":"engine is dead"}})"),
            "the server says 'engine is dead'");
  for (const char* body :
       {R"({"choices":null})", R"({"choices":{}})", R"({"choices":[null]})", R"({"choices":["a"]})",
        R"({"choices":[{}]})", R"({"choices":[{"message":"x"}]})",
        R"({"choices":[{"message":[]}]})", R"({"choices":[{"text":5}]})"}) {
    EXPECT_NE(problem(body), "") << body;
    EXPECT_NE(problem(body, EndpointApi::kCompletions), "") << body;
  }
  EXPECT_NE(problem("{\"choices\":[{\"message\":{\"content\":\"\xFF\"}}]}"), "") << "not UTF-8";
  EXPECT_NE(problem(std::string(100'000, '[')), "") << "deep";
  EXPECT_NE(problem(R"({"choices":)" + std::string(100, '[') + std::string(100, ']') + "}"), "");
}

TEST(ReadReply, UsageOfWrongTypesIsNotSaid) {
  for (const char* usage :
       {"null", "[]", "7", R"({"prompt_tokens":-5,"completion_tokens":"3"})",
        R"({"prompt_tokens":1e300,"completion_tokens":99999999999999999999})"}) {
    const ReplyCheck check = read_reply(
        std::string(R"({"choices":[{"message":{"content":"x"}}],"usage":)") + usage + "}",
        EndpointApi::kChat);
    EXPECT_EQ(check.problem, "") << usage;
    EXPECT_EQ(check.reply.prompt_tokens, -1) << usage;
    EXPECT_EQ(check.reply.generated_tokens, -1) << usage;
  }
}

TEST(ReadReply, FinishReasons) {
  const auto check = [](const std::string& reason) {
    return read_reply(R"({"choices":[{"message":{"content":"x"},"finish_reason":)" + reason + "}]}",
                      EndpointApi::kChat);
  };
  EXPECT_EQ(check(R"("stop")").reply.stop, StopReason::kEnd);
  EXPECT_EQ(check("null").reply.stop, StopReason::kEnd);
  EXPECT_EQ(check(R"("eos_token")").reply.stop, StopReason::kEnd);
  EXPECT_EQ(check(R"("length")").reply.stop, StopReason::kLength);
  EXPECT_TRUE(check(R"("content_filter")").final);
  EXPECT_NE(check(R"("abort")").problem, "");
}

std::string event(const std::string& delta, const std::string& reason = "null") {
  return R"(data: {"choices":[{"index":0,"delta":)" + delta + R"(,"finish_reason":)" + reason +
         "}]}\n\n";
}

TEST(StreamReader, DeltasUsageAndEnd) {
  const std::string stream =
      event(R"({"role":"assistant","content":""})") + event(R"({"reasoning_content":"hm"})") +
      event(R"({"content":"Pa"})") + ": keep-alive\n\n" + event(R"({"content":"ris"})") +
      event("{}", R"("stop")") +
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":4}}\n\n"
      "data: [DONE]\n\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{10}, stream.size()}) {
    StreamReader reader(EndpointApi::kChat, {"never"}, 1 << 20);
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(reader.feed(std::string_view(stream).substr(at, piece)));
    }
    const ReplyCheck check = reader.check();
    EXPECT_EQ(check.problem, "");
    EXPECT_EQ(check.reply.text, "Paris");
    EXPECT_EQ(check.reply.stop, StopReason::kEnd);
    EXPECT_EQ(check.reply.prompt_tokens, 5);
    EXPECT_EQ(check.reply.generated_tokens, 4);
  }
}

TEST(StreamReader, ClosesWhenACompleteResponseGoesOn) {
  StreamReader reader(EndpointApi::kChat, {"KEEP"}, 1 << 20);
  EXPECT_TRUE(reader.feed(event(R"({"content":"KE"})") + event(R"({"content":"EP"})")));
  EXPECT_FALSE(reader.feed(event(R"({"content":" because"})")));
  EXPECT_EQ(reader.check().problem, "");
  EXPECT_EQ(reader.check().reply.text, "KEEP");
  EXPECT_EQ(reader.check().reply.generated_tokens, 2);
}

TEST(StreamReader, CompletionsStreamsCarryText) {
  StreamReader reader(EndpointApi::kCompletions, {"no"}, 1 << 20);
  EXPECT_TRUE(
      reader.feed("data: {\"choices\":[{\"text\":\"yes\",\"finish_reason\":\"length\"}]}\n\n"));
  EXPECT_EQ(reader.check().reply.text, "yes");
  EXPECT_EQ(reader.check().reply.stop, StopReason::kLength);
}

TEST(StreamReader, BrokenStreams) {
  const auto problem = [](const std::string& stream, std::size_t limit = 1 << 20) {
    StreamReader reader(EndpointApi::kChat, {"never"}, limit);
    reader.feed(stream);
    return reader.check().problem;
  };
  EXPECT_EQ(problem(""), "a stream without events came");
  EXPECT_EQ(problem(event(R"({"content":"a"})")), "the stream ended in the middle of the response");
  EXPECT_EQ(problem(event(R"({"content":"a"})") + "data: [DONE]\n\n"),
            "the stream ended in the middle of the response");
  EXPECT_EQ(problem("data: {\"error\":{\"message\":\"out of memory\"}}\n\n"),
            "the server says 'out of memory'");
  EXPECT_EQ(problem("data: {\"choices\"\n\n"), "in the stream broken JSON came: '{\"choices\"'");
  EXPECT_EQ(problem("data: " + std::string(500, ' '), 100), "an event longer than the limit came");
  EXPECT_NE(problem(event(R"({"content":5})")), "");
}

TEST(ErrorMessage, EveryForm) {
  EXPECT_EQ(error_message(R"({"error":{"message":"Incorrect key","type":"x","code":401}})"),
            "Incorrect key");
  EXPECT_EQ(error_message(R"({"error":"loading"})"), "loading");
  EXPECT_EQ(error_message(R"({"object":"error","message":"too long","code":400})"), "too long");
  EXPECT_EQ(error_message(R"({"detail":"Not Found"})"), "Not Found");
  EXPECT_EQ(error_message(R"({"error":{"code":5}})"), R"({"code":5})");
  EXPECT_EQ(error_message("<h1>Bad\nGateway</h1>"), "<h1>Bad Gateway</h1>");
  EXPECT_EQ(error_message(""), "");
}

TEST(ReadModels, VllmAndLlamaCpp) {
  const auto vllm = read_models(
      R"({"object":"list","data":[{"id":"Qwen/Q","object":"model","max_model_len":32768}]})");
  ASSERT_TRUE(vllm);
  EXPECT_EQ(vllm->at(0).id, "Qwen/Q");
  EXPECT_EQ(vllm->at(0).context_tokens, 32768);
  const auto llama = read_models(R"({"models":[],"object":"list","data":[{"id":"q.gguf",
    "meta":{"vocab_type":2,"n_vocab":151936,"n_ctx":8192,"n_ctx_train":32768}}]})");
  EXPECT_EQ(llama->at(0).context_tokens, 8192);
  EXPECT_EQ(llama->at(0).vocab_size, 151936);
  // memagent serve.
  EXPECT_EQ(read_models(R"({"data":[{"id":"m","memagent":{"window_tokens":2048}}]})")
                ->at(0)
                .context_tokens,
            2048);
  EXPECT_FALSE(read_models("<html>"));
  EXPECT_FALSE(read_models("{}"));
  EXPECT_TRUE(read_models(R"({"data":[null,5,{"id":7}]})")->empty());
  EXPECT_EQ(read_props_context(R"({"default_generation_settings":{"n_ctx":4096},"total_slots":1})"),
            4096);
  EXPECT_EQ(read_props_context("[]"), 0);
}

TEST(ReadTokens, LlamaCppPieces) {
  const auto pieces = read_tokens(TokenizeForm::kLlamaCpp,
                                  R"({"tokens":[{"id":198,"piece":"H"},{"id":2,"piece":[195]},
                                      {"id":3,"piece":[169]}]})",
                                  "H\xC3\xA9");
  ASSERT_TRUE(pieces);
  EXPECT_EQ(pieces->at(1).bytes, "\xC3");
  for (const char* bad :
       {R"({"tokens":[198]})", R"({"tokens":[{"id":1,"piece":"other"}]})",
        R"({"tokens":[{"id":1,"piece":""}]})", R"({"tokens":[{"id":-1,"piece":"H"}]})",
        R"({"tokens":[{"id":1,"piece":[300]}]})", R"({"tokens":[]})", "{}", "x"}) {
    EXPECT_FALSE(read_tokens(TokenizeForm::kLlamaCpp, bad, "H")) << bad;
  }
}

// Ids and spellings of GPT-2's vocabulary.
TEST(ReadTokens, VllmByteLevelStrings) {
  const auto pieces = read_tokens(
      TokenizeForm::kVllm,
      R"({"count":3,"max_model_len":99,"tokens":[15496,995,198],"token_strs":["Hello","Ġworld","Ċ"]})",
      "Hello world\n");
  ASSERT_TRUE(pieces);
  EXPECT_EQ(pieces->at(1).bytes, " world");
  EXPECT_EQ(pieces->at(2).bytes, "\n");
  EXPECT_FALSE(read_tokens(TokenizeForm::kVllm, R"({"tokens":[1],"token_strs":null})", "x"));
  EXPECT_FALSE(read_tokens(TokenizeForm::kVllm, R"({"tokens":[1],"token_strs":["▁x"]})", "x"));
}

// Every byte has a letter in that alphabet: checked against its definition in GPT-2's encoder,
// where bytes that are not printable Latin-1 are given the code points from 256 on, in order.
TEST(ReadTokens, ByteLevelAlphabetCoversEveryByte) {
  Json letters = Json::array();
  Json ids = Json::array();
  std::string text;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                           (byte >= 0xAE && byte <= 0xFF);
    const int point = printable ? byte : next++;
    std::string letter;
    if (point < 0x80) {
      letter = static_cast<char>(point);
    } else {
      letter = {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3F))};
    }
    letters.push_back(letter);
    ids.push_back(byte);
    text += static_cast<char>(byte);
  }
  const Json body = {{"tokens", ids}, {"token_strs", letters}};
  EXPECT_TRUE(read_tokens(TokenizeForm::kVllm, body.dump(), text));
}

}  // namespace
}  // namespace memagent
