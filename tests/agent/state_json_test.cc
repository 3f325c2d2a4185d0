// Saved states: what is restored is what was saved; what is not a state is refused by name.
#include "agent/state_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "memagent/error.h"

namespace memagent {
namespace {

using testing::HasSubstr;

EpisodeState sample() {
  EpisodeState state;
  state.pass = 1;
  state.next_section = 3;
  state.prefix_hash = 0x00C0FFEE00C0FFEEULL;
  state.memory = {{1, 2, 70000}, "Ann \"lives\" in\nK\xC3\xB6ln"};
  state.sections_read = 9;
  state.document_tokens = 45000;
  state.prompt_tokens = 54321;
  state.cached_prompt_tokens = 11;
  state.generated_tokens = 123;
  state.memory_changes = 2;
  state.malformed = 4;
  state.failed = 5;
  state.truncated = 6;
  state.stopped_early = true;
  state.retried_generations = 7;
  state.discarded_generations = 8;
  state.discarded_generated_tokens = 99;
  return state;
}

// The format is kept in sessions on disk: a change here must still read what stands here.
const char kSample[] =
    R"({"version":1,"pass":1,"next_section":3,"prefix_hash":"00c0ffee00c0ffee",)"
    R"("reading_done":false,"finished":false,"stopped_early":true,)"
    R"("memory":{"text":"Ann \"lives\" in\nKöln","tokens":[1,2,70000]},"answer":"",)"
    R"("sections_read":9,"document_tokens":45000,"prompt_tokens":54321,)"
    R"("cached_prompt_tokens":11,"generated_tokens":123,"memory_changes":2,"malformed":4,)"
    R"("failed":5,"truncated":6,"retried_generations":7,"discarded_generations":8,)"
    R"("discarded_generated_tokens":99})";

TEST(StateJson, IsWrittenAsDocumented) {
  // Counters in the order of the table; next_section already stands further up.
  EXPECT_EQ(to_json(sample()), kSample);
}

TEST(StateJson, RestoresEveryField) {
  const EpisodeState state = episode_state_from_json(kSample);
  EXPECT_EQ(state.pass, 1);
  EXPECT_EQ(state.next_section, 3);
  EXPECT_EQ(state.prefix_hash, 0x00C0FFEE00C0FFEEULL);
  EXPECT_TRUE(state.stopped_early);
  EXPECT_FALSE(state.finished);
  EXPECT_EQ(state.memory, sample().memory);
  EXPECT_EQ(state.discarded_generated_tokens, 99);
  EXPECT_EQ(to_json(state), kSample);
}

TEST(StateJson, AnyBytesSurvive) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed);
    EpisodeState state;
    state.prefix_hash = random.next();
    for (std::uint64_t i = random.below(40); i > 0; --i) {
      state.memory.text += static_cast<char>(random.below(seed % 2 == 0 ? 256 : 128));
      state.answer += static_cast<char>(random.below(256));
      state.memory.tokens.push_back(static_cast<TokenId>(random.below(1ULL << 31)));
    }
    const EpisodeState restored = episode_state_from_json(to_json(state));
    ASSERT_EQ(restored.memory, state.memory);
    ASSERT_EQ(restored.answer, state.answer);
    ASSERT_EQ(restored.prefix_hash, state.prefix_hash);
  }
}

TEST(StateJson, MissingCountersAreZeroAndUnknownKeysAreIgnored) {
  const EpisodeState state = episode_state_from_json(
      R"({"version":1,"pass":0,"next_section":1,"prefix_hash":"0000000000000001",)"
      R"("reading_done":false,"finished":false,"stopped_early":false,)"
      R"("memory":{"text":"m","tokens":[]},"answer":"","of_the_future":[1]})");
  EXPECT_EQ(state.next_section, 1);
  EXPECT_EQ(state.generated_tokens, 0);
}

TEST(StateJson, WhatIsNoStateIsRefusedByKey) {
  const auto complaint = [](const std::string& from, const std::string& to) -> std::string {
    std::string text = kSample;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    try {
      (void)episode_state_from_json(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(complaint("\"version\":1", "\"version\":2"), HasSubstr("version 2 is not known"));
  EXPECT_THAT(complaint("\"pass\":1,", ""), HasSubstr("key pass is missing"));
  EXPECT_THAT(complaint("\"pass\":1", "\"pass\":-1"), HasSubstr("pass must be in range"));
  EXPECT_THAT(complaint("\"pass\":1", "\"pass\":4294967296"), HasSubstr("pass must be in range"));
  EXPECT_THAT(complaint("\"next_section\":3", "\"next_section\":18446744073709551615"),
              HasSubstr("next_section must be in range"));
  EXPECT_THAT(complaint("\"next_section\":3", "\"next_section\":3.5"), HasSubstr("whole number"));
  EXPECT_THAT(complaint("00c0ffee00c0ffee", "00c0ffee"), HasSubstr("prefix_hash"));
  EXPECT_THAT(complaint("00c0ffee00c0ffee", "zzc0ffee00c0ffee"), HasSubstr("prefix_hash"));
  EXPECT_THAT(complaint("[1,2,70000]", "[1,\"2\"]"), HasSubstr("memory.tokens"));
  EXPECT_THAT(complaint("[1,2,70000]", "[-1]"), HasSubstr("memory.tokens must be in range"));
  EXPECT_THAT(complaint("[1,2,70000]", "{}"), HasSubstr("memory.tokens"));
  EXPECT_THAT(complaint("\"answer\":\"\"", "\"answer\":{\"hex\":\"abc\"}"), HasSubstr("answer"));
  EXPECT_THAT(complaint("\"answer\":\"\"", "\"answer\":{\"hex\":\"zz\"}"), HasSubstr("answer"));
  EXPECT_THAT(complaint("\"answer\":\"\"", "\"answer\":7"), HasSubstr("answer"));
  EXPECT_THAT(complaint("\"finished\":false", "\"finished\":0"), HasSubstr("true or false"));
  EXPECT_THAT(complaint("\"failed\":5", "\"failed\":-5"), HasSubstr("failed must be in range"));
  EXPECT_THAT(complaint("\"answer\":\"\"", "\"answer\":[[[[[[1]]]]]]"), HasSubstr("too deeply"));
  EXPECT_THAT(complaint("{\"version\"", "[\"version\""), HasSubstr("is not JSON"));
}

TEST(StateJson, EveryBeginningOfAStateIsRefused) {
  const std::string text = kSample;
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    EXPECT_THROW((void)episode_state_from_json(text.substr(0, bytes)), Error) << bytes;
  }
  EXPECT_THROW((void)episode_state_from_json(std::string(100000, '[')), Error);
  EXPECT_THROW((void)episode_state_from_json("[]"), Error);
  EXPECT_THROW((void)episode_state_from_json("null"), Error);
}

}  // namespace
}  // namespace memagent
