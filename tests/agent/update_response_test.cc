// What a response means: expected values follow from the grammar in update_response.h, by hand.
#include "agent/update_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/reading.h"

namespace memagent::test {
namespace {

GenerationResult response_of(const PromptRenderer& renderer, const std::string& text) {
  GenerationResult response;
  response.text = text;
  if (renderer.as_tokens()) response.tokens = renderer.tokenizer().encode(text);
  return response;
}

// With nothing noted yet.
UpdateReading read_first(Policy policy, const PromptRenderer& renderer,
                         const GenerationResult& response, std::int32_t memory_tokens) {
  return read_update(policy, renderer, renderer.encode(renderer.prompts().empty_memory), response,
                     memory_tokens);
}

struct Expected {
  std::string response;
  Decision decision;
  std::string memory;  // empty: the old one stays
  bool stop = false;
};

class GateTest : public testing::TestWithParam<bool> {};

TEST_P(GateTest, Grammar) {
  const auto renderer = plain_renderer(GetParam());
  const Decision kKeep = Decision::kKeep;
  const Decision kNew = Decision::kOverwrite;
  const Decision kMore = Decision::kAdd;
  const Decision kBad = Decision::kMalformed;
  const std::vector<Expected> cases = {
      {"KEEP", kKeep, ""},
      {"KEEP\n", kKeep, ""},
      {"KEEP\nand some more words", kKeep, ""},
      {"KEEP STOP", kKeep, "", true},
      {"KEEP STOP\nmore", kKeep, "", true},
      {"  \n keep stop", kKeep, "", true},
      {"**KEEP**", kKeep, ""},
      {"Keep.", kKeep, ""},
      {"KEEP: nothing new here", kKeep, ""},
      {"KEEP - STOP", kKeep, "", true},
      {"KEEP STOP reading", kKeep, ""},  // an explanation, not the form
      {"UPDATE\nAnn lives in Rome", kNew, "Ann lives in Rome"},
      {"Update:\nAnn", kNew, "Ann"},
      {"UPDATE  \r\nAnn", kNew, "Ann"},
      {"UPDATE STOP\nAnn", kNew, "Ann", true},
      {"`UPDATE` `STOP`\nAnn", kNew, "Ann", true},
      {"\n\nUPDATE\nAnn", kNew, "Ann"},
      {"UPDATE\n\n Ann\n", kNew, "\n Ann\n"},
      {"UPDATE\nKEEP", kNew, "KEEP"},
      {"ADD\nAnn", kMore, "Ann"},
      {"*Add*:\nAnn\nBob", kMore, "Ann\nBob"},
      {"ADD STOP\nAnn", kMore, "Ann", true},
      {"ADD", kBad, ""},
      {"ADD Ann", kBad, "ADD Ann"},
      {"UPDATE", kBad, ""},             // no memory follows
      {"UPDATE STOP\n  \n", kBad, ""},  // and nothing stops then
      {"", kBad, ""},
      {" \n\t", kBad, ""},
      {"Ann lives in Rome", kBad, "Ann lives in Rome"},
      {"UPDATE Ann", kBad, "UPDATE Ann"},
      {"Keep in mind: Ann", kBad, "Keep in mind: Ann"},
      {"STOP", kBad, "STOP"},
      {"KEEPSAKE", kBad, "KEEPSAKE"},
      {"...\nUPDATE\nAnn", kBad, "...\nUPDATE\nAnn"},
  };
  for (const Expected& expected : cases) {
    const UpdateReading reading =
        read_first(Policy::kGated, *renderer, response_of(*renderer, expected.response), 100);
    EXPECT_EQ(reading.decision, expected.decision) << expected.response;
    EXPECT_EQ(reading.keeps, expected.memory.empty()) << expected.response;
    EXPECT_EQ(reading.stop_reading, expected.stop) << expected.response;
    EXPECT_EQ(reading.memory.text, expected.memory) << expected.response;
    EXPECT_FALSE(reading.cut);
    if (GetParam()) {
      EXPECT_EQ(reading.memory.tokens, renderer->tokenizer().encode(expected.memory));
    } else {
      EXPECT_TRUE(reading.memory.tokens.empty());
    }
  }
}

TEST_P(GateTest, TheMemoryIsCutAtItsBudgetWhateverTheGateLineTook) {
  const auto renderer = plain_renderer(GetParam());
  const auto cut = [&](Policy policy, const std::string& text) {
    return read_first(policy, *renderer, response_of(*renderer, text), 5);
  };
  EXPECT_EQ(cut(Policy::kGated, "UPDATE\n1234567").memory.text, "12345");
  EXPECT_TRUE(cut(Policy::kGated, "UPDATE\n123456").cut);
  EXPECT_FALSE(cut(Policy::kGated, "UPDATE\n12345").cut);
  EXPECT_EQ(cut(Policy::kOverwrite, "1234567").memory.text, "12345");
  EXPECT_EQ(cut(Policy::kGated, "nonsense").memory.text, "nonse");
  // White space that fills the budget is no memory.
  EXPECT_EQ(cut(Policy::kOverwrite, "      1").decision, Decision::kMalformed);
  EXPECT_TRUE(cut(Policy::kOverwrite, "      1").keeps);
}

// One byte is one token here, so budgets are counted in letters.
TEST_P(GateTest, WhatIsAddedFollowsTheOldMemory) {
  const auto renderer = plain_renderer(GetParam());
  const auto add = [&](const std::string& before, const std::string& added, std::int32_t most) {
    const UpdateReading reading = read_update(Policy::kGated, *renderer, renderer->encode(before),
                                              response_of(*renderer, "ADD\n" + added), most);
    EXPECT_EQ(reading.decision, Decision::kAdd);
    if (!reading.keeps) {
      EXPECT_EQ(reading.memory, renderer->encode(reading.memory.text));
      EXPECT_LE(renderer->count_tokens(reading.memory.text), most);
    }
    return reading;
  };
  EXPECT_EQ(add("none", "Ann", 100).memory.text, "Ann");
  EXPECT_EQ(add("Ann", "Bob", 100).memory.text, "Ann\nBob");
  EXPECT_EQ(add("Ann\n", "Bob\n", 100).memory.text, "Ann\nBob\n");
  EXPECT_EQ(add("Ann\nBob", "Bob\nCid", 100).memory.text, "Ann\nBob\nBob\nCid");
  // What is there already changes nothing.
  EXPECT_TRUE(add("Ann\nBob", "Bob", 100).keeps);
  EXPECT_TRUE(add("Ann\nBob\n", "Ann\nBob\n", 100).keeps);
  EXPECT_FALSE(add("Ann\nBobby", "Bob", 100).keeps);
  // Just room enough; then the oldest lines go, then all of them.
  EXPECT_EQ(add("A\nBc\nD", "Ef", 9).memory.text, "A\nBc\nD\nEf");
  EXPECT_FALSE(add("A\nBc\nD", "Ef", 9).cut);
  EXPECT_EQ(add("A\nBc\nD", "Ef", 8).memory.text, "Bc\nD\nEf");
  EXPECT_TRUE(add("A\nBc\nD", "Ef", 8).cut);
  EXPECT_EQ(add("A\nBc\nD", "Ef", 6).memory.text, "D\nEf");
  EXPECT_EQ(add("A\nBc\nD", "Ef", 2).memory.text, "Ef");
}

// Memories were lost to it: a reader that wrote one piece again and again to the end of its budget
// pushed out all that it had noted.
TEST_P(GateTest, WhatIsAddedWithoutEndTakesNoNotesPlace) {
  const auto renderer = plain_renderer(GetParam());
  const auto add = [&](const std::string& added, std::int32_t most, StopReason stop) {
    GenerationResult response = response_of(*renderer, "ADD\n" + added);
    response.stop = stop;
    return read_update(Policy::kGated, *renderer, renderer->encode("A"), response, most);
  };
  // By the budget of the memory, and by that of the response, which may end before it.
  for (const StopReason stop : {StopReason::kEnd, StopReason::kLength}) {
    const UpdateReading endless = add("Efgh", stop == StopReason::kEnd ? 3 : 100, stop);
    EXPECT_TRUE(endless.keeps);
    EXPECT_EQ(endless.decision, Decision::kMalformed);
    const UpdateReading lines = add("B\nCdefgh", stop == StopReason::kEnd ? 7 : 100, stop);
    EXPECT_EQ(lines.decision, Decision::kAdd);
    EXPECT_EQ(lines.memory, renderer->encode("A\nB\n"));
    EXPECT_TRUE(lines.cut);
  }
  EXPECT_EQ(add("Efgh", 100, StopReason::kEnd).memory.text, "A\nEfgh");
}

TEST(GateWords, AddIsUnderstoodOnlyWhereItIsOffered) {
  PromptSet prompts = short_prompts();
  prompts.gate_add = "";
  const PromptRenderer renderer(prompts, ChatFormat::kPlain, byte_tokenizer(), true, false);
  for (const std::string text : {"ADD\nAnn", "\nAnn", "*\nAnn"}) {
    const UpdateReading reading =
        read_first(Policy::kGated, renderer, response_of(renderer, text), 100);
    EXPECT_EQ(reading.decision, Decision::kMalformed);
    EXPECT_EQ(reading.memory.text, text);
  }
}

// A line ends with the token that ends with a newline, wherever the vocabulary puts that.
TEST(TokenResponses, OldLinesGoWithTheTokenThatEndsThem) {
  const auto tokenizer = byte_tokenizer({.merged = {"y.\n", "\nB"}});
  const PromptRenderer renderer(short_prompts(), ChatFormat::kPlain, tokenizer, true, false);
  const auto add_to = [&](const std::string& before) {
    return read_update(Policy::kGated, renderer, renderer.encode(before),
                       response_of(renderer, "ADD\nC"), 4)
        .memory.text;
  };
  EXPECT_EQ(add_to("Any.\nB"), "B\nC");  // A, n, "y.\n", B, newline, C: six
  EXPECT_EQ(add_to("An\nBb"), "C");  // the one token that holds the newline does not end with it
}

INSTANTIATE_TEST_SUITE_P(TokensAndText, GateTest, testing::Bool());

class BoundaryTest : public testing::Test {
 protected:
  UpdateReading read(const std::vector<std::string>& pieces) {
    const auto tokenizer = byte_tokenizer({.merged = pieces});
    const PromptRenderer renderer(short_prompts(), ChatFormat::kPlain, tokenizer, true, false);
    GenerationResult response;
    for (const std::string& piece : pieces) {
      const TokenId id = tokenizer->encode(piece).at(0);
      EXPECT_EQ(tokenizer->token_bytes(id), piece);
      response.tokens.push_back(id);
      response.text += piece;
    }
    first_id = response.tokens.empty() ? 0 : response.tokens[0];
    return read_first(Policy::kGated, renderer, response, 100);
  }
  TokenId first_id = 0;
};

TEST_F(BoundaryTest, MemoryBeginsAtATokenAfterTheLine) {
  const UpdateReading reading = read({"UPDATE", "\n", "Ann"});
  EXPECT_EQ(reading.decision, Decision::kOverwrite);
  EXPECT_EQ(reading.memory.text, "Ann");
  ASSERT_EQ(reading.memory.tokens.size(), 1U);
  EXPECT_EQ(reading.memory.tokens[0], first_id + 2);
}

TEST_F(BoundaryTest, WhiteSpaceInTheNewlinesTokenGoesWithTheLine) {
  EXPECT_EQ(read({"UPDATE", "\n\n  ", "Ann"}).memory.text, "Ann");
  EXPECT_EQ(read({"UPDATE\n ", "Ann"}).memory.text, "Ann");
}

TEST_F(BoundaryTest, ATokenThatHoldsNewlineAndMemoryMakesTheResponseMalformed) {
  const UpdateReading reading = read({"UPDATE", "\nAnn", " and Bob"});
  EXPECT_EQ(reading.decision, Decision::kMalformed);
  EXPECT_EQ(reading.memory.text, "UPDATE\nAnn and Bob");
  EXPECT_EQ(reading.memory.tokens.size(), 3U);
}

TEST(TokenResponses, ControlTokensSampledOnTheWayAreNotMemory) {
  const auto renderer = plain_renderer();
  const TokenId control = *renderer->tokenizer().special_token("<|im_start|>");
  GenerationResult response;
  response.tokens = {control, 'A', control, 'n', 'n', control, '!'};
  response.text = "Ann!";
  const UpdateReading reading = read_first(Policy::kOverwrite, *renderer, response, 3);
  EXPECT_THAT(reading.memory.tokens, testing::ElementsAre('A', 'n', 'n'));
  EXPECT_EQ(reading.memory.text, "Ann");
  EXPECT_TRUE(reading.cut);
  EXPECT_FALSE(read_first(Policy::kOverwrite, *renderer, response, 4).cut);
  response.tokens = {control};
  response.text = "";
  EXPECT_TRUE(read_first(Policy::kOverwrite, *renderer, response, 3).keeps);
}

TEST(TextResponses, ThinkingIsNotPartOfTheResponse) {
  EXPECT_EQ(without_thinking("<think>\n\n</think>\n\nAnn"), "Ann");
  EXPECT_EQ(without_thinking("\n<think>who?</think>Ann"), "Ann");
  EXPECT_EQ(without_thinking("<think>cut in the middle"), "");
  EXPECT_EQ(without_thinking("Ann <think>"), "Ann <think>");
  EXPECT_EQ(without_thinking("</think>Ann"), "</think>Ann");
  const auto renderer = plain_renderer(false);
  GenerationResult response;
  response.text = "<think>UPDATE\nno</think>\n\nKEEP";
  EXPECT_EQ(read_first(Policy::kGated, *renderer, response, 100).decision, Decision::kKeep);
  response.text = "<think>hm</think>\nAnn\n";
  EXPECT_EQ(read_first(Policy::kOverwrite, *renderer, response, 100).memory.text, "Ann\n");
  EXPECT_EQ(read_answer(*renderer, response), "Ann");
  // The tokens of a token model are kept as sampled.
  const auto tokens = plain_renderer(true);
  EXPECT_EQ(
      read_first(Policy::kOverwrite, *tokens, response_of(*tokens, response.text), 100).memory.text,
      "<think>hm</think>\nAnn\n");
}

TEST(TextResponses, AreCutBetweenCharacters) {
  const auto renderer = plain_renderer(false);
  GenerationResult response;
  response.text = "ab\xD0\xB6\xD0\xB6\xD0\xB6";  // two letters of one byte, three of two
  const auto kept = [&](std::int32_t memory_tokens) {
    return read_first(Policy::kOverwrite, *renderer, response, memory_tokens);
  };
  EXPECT_EQ(kept(8).memory.text, response.text);
  EXPECT_FALSE(kept(8).cut);
  EXPECT_EQ(kept(7).memory.text, "ab\xD0\xB6\xD0\xB6");
  EXPECT_TRUE(kept(7).cut);
  EXPECT_EQ(kept(6).memory.text, "ab\xD0\xB6\xD0\xB6");
  EXPECT_EQ(kept(3).memory.text, "ab");
  EXPECT_EQ(kept(1).memory.text, "a");
}

TEST(TextResponses, AreCutUntilTheyCountNoMoreThanTheirBudget) {
  const auto tokenizer = byte_tokenizer({.merged = {"abcd", "xy"}});
  const PromptRenderer renderer(short_prompts(), ChatFormat::kPlain, tokenizer, false, false);
  for (std::int32_t budget = 1; budget < 8; ++budget) {
    GenerationResult response;
    response.text = "abcdxyabcdxyxxyyabcd";
    const TokenText memory = read_first(Policy::kOverwrite, renderer, response, budget).memory;
    EXPECT_LE(renderer.count_tokens(memory.text), budget);
    EXPECT_FALSE(memory.text.empty());
    EXPECT_TRUE(response.text.starts_with(memory.text));
  }
}

// Whatever is shown of an answer while it grows stays its beginning.
TEST(Answers, WhatIsShownSoFarIsNotTakenBack) {
  for (const bool as_tokens : {true, false}) {
    const auto renderer = plain_renderer(as_tokens);
    for (const std::string whole :
         {"  An answer. \n\n of two parts \n", "<think>well</think>\n So.", "<thin ice", "",
          " <think>without end", "<", "a <think> b"}) {
      const std::string answer = read_answer(*renderer, response_of(*renderer, whole));
      for (std::size_t i = 0; i <= whole.size(); ++i) {
        const std::string part = whole.substr(0, i);
        EXPECT_THAT(answer, testing::StartsWith(std::string(answer_so_far(*renderer, part)))) << i;
      }
    }
    // Nor is it kept back for good.
    EXPECT_EQ(answer_so_far(*renderer, " An answer. "), "An answer.");
  }
}

TEST(CompleteResponses, EndAKeepWithoutForeclosingItsStop) {
  EXPECT_TRUE(complete_responses(Policy::kOverwrite, short_prompts()).empty());
  EXPECT_THAT(complete_responses(Policy::kGated, short_prompts()),
              testing::ElementsAre("KEEP\n", "KEEP\n\n", "KEEP STOP"));
}

}  // namespace
}  // namespace memagent::test
