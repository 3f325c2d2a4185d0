// Trace lines as programs read them: written out by hand.
#include "agent/trace.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

Conversation update() {
  Conversation c;
  c.kind = ConversationKind::kUpdate;
  c.pass = 1;
  c.section_index = 3;
  c.section_byte_begin = 600;
  c.section_byte_end = 812;
  c.decision = Decision::kOverwrite;
  c.stop_reading = true;
  c.response.tokens = {5, 6};
  c.response.text = "Ann\n";
  c.response.logprobs = {-0.5F, -0.25F, 0.0F};
  c.response.stop = StopReason::kEnd;
  c.response.prompt_tokens = 100;
  c.response.cached_prompt_tokens = 90;
  c.response.generated_tokens = 3;
  c.memory = {{5, 6}, "Ann\n"};
  return c;
}

TEST(TraceLine, OfAnUpdate) {
  EXPECT_EQ(trace_line(2, update()),
            R"({"question":2,"kind":"update","pass":1,"section":3,"bytes":[600,812],)"
            R"("decision":"overwrite","stop_reading":true,"stop":"end","prompt_tokens":100,)"
            R"("generated_tokens":3,"response":"Ann\n","response_tokens":[5,6],)"
            R"("logprobs":[-0.5,-0.25,0.0],"memory":"Ann\n"})");
}

TEST(TraceLine, OfAnAnswerOfATextModel) {
  Conversation c;
  c.kind = ConversationKind::kAnswer;
  c.decision = Decision::kAnswer;
  c.response.text = "Rome";
  c.response.stop = StopReason::kLength;
  c.memory.text = "Ann lives in Rome";
  EXPECT_EQ(trace_line(0, c),
            R"({"question":0,"kind":"answer","pass":0,"decision":"answer","stop":"length",)"
            R"("prompt_tokens":0,"generated_tokens":0,"response":"Rome",)"
            R"("memory":"Ann lives in Rome"})");
}

TEST(TraceLine, OfAFailure) {
  Conversation c = update();
  c.response = {};
  c.response.stop = StopReason::kFailed;
  c.response.error = "503 from all";
  c.decision = Decision::kFailed;
  const std::string line = trace_line(0, c);
  EXPECT_NE(line.find(R"("decision":"failed")"), std::string::npos);
  EXPECT_NE(line.find(R"("stop":"failed","error":"503 from all")"), std::string::npos);
}

TEST(TraceLine, ShowsThePromptWhereAskedTo) {
  Conversation c = update();
  c.prompt.tokens = {1, 2, 3};
  EXPECT_EQ(trace_line(0, c).find("\"prompt\":"), std::string::npos);
  EXPECT_NE(trace_line(0, c, {.prompt = true}).find(R"("prompt":{"tokens":[1,2,3]})"),
            std::string::npos);
  c.prompt.tokens.clear();
  c.prompt.messages = {{"user", "Q"}};
  EXPECT_NE(trace_line(0, c, {.prompt = true})
                .find(R"("prompt":{"messages":[{"role":"user","content":"Q"}]})"),
            std::string::npos);
}

TEST(TraceLine, BytesThatAreNotUtf8AreReplaced) {
  Conversation c = update();
  c.memory.text = "K\xC3";  // cut inside a character
  EXPECT_NE(trace_line(0, c).find("\"memory\":\"K\xEF\xBF\xBD\""), std::string::npos);
}

}  // namespace
}  // namespace memagent
