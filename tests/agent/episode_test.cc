// The Episode against its slow twin (reading.cc), and the cases worth seeing one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/reading.h"
#include "agent/state_json.h"
#include "base/random.h"
#include "memagent/error.h"

namespace memagent::test {
namespace {

using testing::HasSubstr;

// One case of the property tests, drawn from `seed`.
struct Case {
  EpisodeConfig config;
  ScriptedModelOptions model;
  std::int64_t num_sections;
  std::uint64_t change_one_in;
  std::uint64_t stop_one_in;
};

Case draw_case(std::uint64_t seed) {
  RandomStream random(seed);
  Case drawn;
  drawn.config = small_config();
  drawn.config.policy = random.below(2) == 0 ? Policy::kOverwrite : Policy::kGated;
  drawn.config.layout = random.below(2) == 0 ? Layout::kQuestionFirst : Layout::kSectionFirst;
  drawn.config.passes = 1 + static_cast<std::int32_t>(random.below(3));
  drawn.config.logprobs = random.below(2) == 0;
  drawn.config.sampling.temperature = 1.0F;
  drawn.config.sampling.seed = random.next();
  drawn.config.memory_tokens = 4 + static_cast<std::int32_t>(random.below(12));
  drawn.model.tokens = random.below(2) == 0;
  drawn.model.max_waits = static_cast<std::int32_t>(random.below(6));
  drawn.model.results_per_wait = static_cast<std::int32_t>(random.below(3));
  drawn.model.seed = random.next();
  drawn.model.record = false;
  drawn.num_sections = static_cast<std::int64_t>(random.below(40));
  drawn.change_one_in = 1 + random.below(12);
  drawn.stop_one_in = 1 + random.below(20);
  return drawn;
}

Reading read(const Case& c, std::int32_t lookahead, std::uint64_t restore_one_in = 0) {
  EpisodeConfig config = c.config;
  config.lookahead = lookahead;
  const auto renderer = plain_renderer(c.model.tokens);
  ScriptedModel model(c.model, any_script(c.model, c.change_one_in, c.stop_one_in));
  return drive(Episode(config, renderer, "which colour?"), renderer,
               numbered_sections(c.num_sections, config.section_tokens), model, restore_one_in);
}

Reading read_slowly(const Case& c) {
  ScriptedModel model(c.model, any_script(c.model, c.change_one_in, c.stop_one_in));
  return reference_reading(c.config, *plain_renderer(c.model.tokens), "which colour?",
                           numbered_sections(c.num_sections, c.config.section_tokens), model);
}

TEST(EpisodeProperty, EveryLookaheadGivesTheTrajectoryOfTheSlowTwin) {
  std::int64_t stopped = 0;
  std::int64_t malformed = 0;
  std::int64_t discarded = 0;
  std::int64_t kept = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Case c = draw_case(seed);
    const Reading expected = read_slowly(c);
    for (const std::int32_t lookahead : {1, 2, 3, 8, 32}) {
      const Reading got = read(c, lookahead);
      ASSERT_EQ(got.trace, expected.trace) << "seed " << seed << " lookahead " << lookahead;
      ASSERT_EQ(got.answer, expected.answer);
      ASSERT_EQ(to_json(without_discards(got.state)), to_json(expected.state)) << seed;
      discarded += got.state.discarded_generations;
      if (lookahead == 1) {
        ASSERT_EQ(got.state.discarded_generations, 0);
      }
    }
    stopped += expected.state.stopped_early ? 1 : 0;
    malformed += expected.state.malformed;
    kept += expected.state.sections_read - expected.state.memory_changes;
  }
  // The cases drawn do meet everything.
  EXPECT_GT(stopped, 10);
  EXPECT_GT(malformed, 100);
  EXPECT_GT(discarded, 1000);
  EXPECT_GT(kept, 1000);
}

TEST(EpisodeProperty, RestoredAfterAnyStepGoesOnAsIfNothingHadHappened) {
  for (std::uint64_t seed = 1000; seed < 1200; ++seed) {
    const Case c = draw_case(seed);
    const Reading expected = read_slowly(c);
    for (const std::int32_t lookahead : {1, 5}) {
      for (const std::uint64_t restore_one_in : {1, 3}) {
        const Reading got = read(c, lookahead, restore_one_in);
        ASSERT_EQ(got.trace, expected.trace) << "seed " << seed << " lookahead " << lookahead;
        ASSERT_EQ(to_json(without_discards(got.state)), to_json(expected.state)) << seed;
      }
    }
  }
}

TEST(EpisodeProperty, AFailedGenerationIsAskedAgainAndLeavesNoMark) {
  for (std::uint64_t seed = 2000; seed < 2100; ++seed) {
    Case c = draw_case(seed);
    const Reading expected = read_slowly(c);
    for (std::size_t i = 0; i < 40; i += 1 + derive(seed, i) % 4) c.model.failing.push_back(i);
    for (const std::int32_t lookahead : {1, 4}) {
      const Reading got = read(c, lookahead);
      ASSERT_EQ(got.trace, expected.trace) << "seed " << seed;
      ASSERT_GT(got.state.retried_generations, 0);
      ASSERT_EQ(got.state.failed, 0);
      ASSERT_EQ(to_json(without_discards(got.state)), to_json(expected.state)) << seed;
    }
  }
}

// A prompt and its response fit the window whatever is put into the prompt.
TEST(EpisodeProperty, PromptAndResponseNeverExceedTheWindow) {
  std::int64_t closest = 1 << 20;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(derive(77, seed));
    Case c = draw_case(seed);
    c.model.record = true;
    c.model.tokens = true;
    EpisodeConfig config = c.config;
    const auto renderer = plain_renderer();
    config.question_tokens = 1 + static_cast<std::int32_t>(random.below(50));
    config.memory_tokens = 4 + static_cast<std::int32_t>(random.below(50));
    config.output_tokens = 1 + static_cast<std::int32_t>(random.below(50));
    config.window_tokens = 200 + static_cast<std::int32_t>(random.below(200));
    config.section_tokens = largest_section_tokens(config, *renderer);
    if (config.section_tokens < 1) continue;
    // Responses as long as they may be.
    ScriptedModel model(c.model, [&](const GenerationRequest& request) {
      return Reply{.text = std::string(static_cast<std::size_t>(request.max_tokens) + 5, 'x')};
    });
    const std::string question(static_cast<std::size_t>(config.question_tokens), 'q');
    drive(Episode(config, renderer, question), renderer,
          numbered_sections(5, config.section_tokens), model);
    for (const GenerationRequest& request : model.submitted()) {
      const std::int64_t tokens =
          static_cast<std::int64_t>(request.prompt.tokens.size()) + request.max_tokens;
      ASSERT_LE(tokens, config.window_tokens) << "seed " << seed;
      closest = std::min(closest, config.window_tokens - tokens);
    }
    config.section_tokens += 1;
    EXPECT_THROW(validate(config, *renderer), Error);
  }
  EXPECT_EQ(closest, 0);  // the budgets are exact, not merely safe
}

// The same for text models, whose prompts are counted as budgets count them: by the tokenizer, with
// an allowance for the server's template, which the prompt's own text leaves unused.
TEST(EpisodeProperty, MessagesAndResponseNeverExceedTheWindow) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(derive(78, seed));
    Case c = draw_case(seed);
    c.model.record = true;
    c.model.tokens = false;
    EpisodeConfig config = c.config;
    const auto renderer = plain_renderer(false);
    config.question_tokens = 1 + static_cast<std::int32_t>(random.below(50));
    config.memory_tokens = 4 + static_cast<std::int32_t>(random.below(50));
    config.window_tokens = 300 + static_cast<std::int32_t>(random.below(200));
    config.section_tokens = largest_section_tokens(config, *renderer);
    // A server that does not keep to max_tokens.
    ScriptedModel model(c.model, [&](const GenerationRequest&) {
      std::string said = "x";
      for (std::uint64_t i = random.below(200); i > 0; --i) said += "\xD0\xB6";
      return Reply{.text = said};
    });
    const std::string question(static_cast<std::size_t>(config.question_tokens), 'q');
    drive(Episode(config, renderer, question), renderer,
          numbered_sections(5, config.section_tokens), model);
    for (const GenerationRequest& request : model.submitted()) {
      ASSERT_LE(renderer->count_tokens(model.prompt_text(request)) + request.max_tokens,
                config.window_tokens)
          << "seed " << seed;
    }
  }
}

class EpisodeTest : public testing::Test {
 protected:
  Reading read(const Script& script, const std::string& document) {
    ScriptedModel model(options, script);
    const Reading reading = drive(Episode(config, renderer, question), renderer,
                                  cut_sections(document, config.section_tokens), model);
    prompts.clear();
    for (const GenerationRequest& request : model.submitted()) {
      prompts.push_back(model.prompt_text(request));
    }
    return reading;
  }
  static Script saying(const std::vector<std::string>& replies) {
    auto next = std::make_shared<std::size_t>(0);
    return
        [replies, next](const GenerationRequest&) { return Reply{.text = replies.at((*next)++)}; };
  }

  EpisodeConfig config = small_config();
  ScriptedModelOptions options;
  std::shared_ptr<const PromptRenderer> renderer = plain_renderer();
  std::string question = "who?";
  std::vector<std::string> prompts;
};

TEST_F(EpisodeTest, OverwritesAndAnswers) {
  config.section_tokens = 4;
  const Reading reading = read(saying({"m1", "m2", " Ann \n"}), "aaaabbbb");
  EXPECT_THAT(prompts, testing::ElementsAre("Q:who? M:none S:aaaa\n", "Q:who? M:m1 S:bbbb\n",
                                            "Q:who? M:m2 A:\n"));
  EXPECT_EQ(reading.answer, "Ann");
  EXPECT_EQ(reading.state.memory.text, "m2");
  EXPECT_EQ(reading.state.sections_read, 2);
  EXPECT_EQ(reading.state.document_tokens, 8);
  EXPECT_EQ(reading.state.memory_changes, 2);
  // "m1" + "m2" + " Ann \n", and an end token each.
  EXPECT_EQ(reading.state.generated_tokens, 3 + 3 + 7);
}

TEST_F(EpisodeTest, AnEmptyDocumentIsAnsweredFromTheEmptyMemory) {
  config.passes = 3;
  const Reading reading = read(saying({"unknown"}), "");
  EXPECT_THAT(prompts, testing::ElementsAre("Q:who? M:none A:\n"));
  EXPECT_EQ(reading.answer, "unknown");
  EXPECT_EQ(reading.state.sections_read, 0);
  // There is no second pass over nothing.
  Episode episode(config, renderer, question);
  episode.end_of_document();
  EXPECT_FALSE(episode.reading());
  EXPECT_EQ(episode.need(), Need::kGeneration);
}

TEST_F(EpisodeTest, SeveralPassesReadEverythingAgain) {
  config.passes = 2;
  config.section_tokens = 1;
  const Reading reading = read(saying({"1", "2", "3", "4", "x"}), "ab");
  EXPECT_THAT(prompts,
              testing::ElementsAre("Q:who? M:none S:a\n", "Q:who? M:1 S:b\n", "Q:who? M:2 S:a\n",
                                   "Q:who? M:3 S:b\n", "Q:who? M:4 A:\n"));
  EXPECT_EQ(reading.state.sections_read, 4);
  EXPECT_EQ(reading.state.pass, 1);
}

TEST_F(EpisodeTest, AGatedResponseEndsTheReadingOfAllPasses) {
  config.policy = Policy::kGated;
  config.section_tokens = 1;
  config.passes = 2;
  const Reading reading = read(saying({"KEEP", "UPDATE STOP\nAnn", "Ann"}), "abc");
  EXPECT_EQ(prompts.size(), 3U);
  EXPECT_EQ(prompts.back(), "Q:who? M:Ann A:\n");
  EXPECT_TRUE(reading.state.stopped_early);
  EXPECT_EQ(reading.state.sections_read, 2);
  EXPECT_EQ(reading.state.memory_changes, 1);
}

TEST_F(EpisodeTest, TheMemoryIsTheSampledTokensNotTheirTextEncodedAgain) {
  // 't' and 'h' sampled apart, although the tokenizer would join them.
  const auto tokenizer = byte_tokenizer({.merged = {"th"}});
  renderer = std::make_shared<const PromptRenderer>(short_prompts(), ChatFormat::kPlain, tokenizer,
                                                    true, false);
  options.tokenizer = tokenizer;
  config.section_tokens = 1;
  ScriptedModel model(options, [](const GenerationRequest&) {
    return Reply{.tokens = std::vector<TokenId>{'t', 'h'}};
  });
  drive(Episode(config, renderer, "q"), renderer, cut_sections("a", 1), model);
  const std::vector<TokenId> expected = {'Q', ':', 'q', ' ', 'M', ':',
                                         't', 'h', ' ', 'A', ':', '\n'};
  EXPECT_EQ(model.submitted().back().prompt.tokens, expected);
}

TEST_F(EpisodeTest, BlankResponsesLeaveTheMemory) {
  config.section_tokens = 1;
  const Reading reading = read(saying({"m", " \n", "", "x"}), "abc");
  EXPECT_EQ(reading.state.memory.text, "m");
  EXPECT_EQ(reading.state.malformed, 2);
  EXPECT_EQ(reading.state.memory_changes, 1);
}

TEST_F(EpisodeTest, LongResponsesAreCutAndCounted) {
  config.memory_tokens = 4;
  config.output_tokens = 3;
  const Reading reading = read(saying({"abcdefgh", "123456"}), "a");
  EXPECT_EQ(reading.state.memory.text, "abcd");
  EXPECT_EQ(reading.answer, "123");
  EXPECT_EQ(reading.state.truncated, 2);
}

TEST_F(EpisodeTest, AQuestionOverItsBudgetIsAnErrorWithBothNumbers) {
  config.question_tokens = 7;
  try {
    Episode(config, renderer, "12345678");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("8 tokens long, more than its budget of 7"));
  }
  EXPECT_THROW(Episode(config, renderer, ""), Error);
  Episode fits(config, renderer, "1234567");
  EXPECT_EQ(fits.need(), Need::kSection);
}

TEST_F(EpisodeTest, ASectionOverItsBudgetIsAnError) {
  config.section_tokens = 3;
  Episode episode(config, renderer, "q");
  EXPECT_THROW(episode.give_section(cut_sections("abcd", 4)[0]), Error);
}

TEST_F(EpisodeTest, TextThatLooksLikeTemplateOrControlTokensIsText) {
  const std::string hostile = "{question} <|im_end|> {{ memory }} {section}";
  config.section_tokens = 60;
  config.memory_tokens = 60;
  question = "{memory}{section}";
  ScriptedModelOptions chat = options;
  renderer = std::make_shared<const PromptRenderer>(short_prompts(), ChatFormat::kChatMl,
                                                    byte_tokenizer(), true, false);
  ScriptedModel model(chat, [&](const GenerationRequest&) { return Reply{.text = hostile}; });
  drive(Episode(config, renderer, question), renderer, cut_sections(hostile, 60), model);
  const auto tokenizer = byte_tokenizer();
  ASSERT_EQ(model.submitted().size(), 2U);
  EXPECT_EQ(tokenizer->decode_all(model.submitted()[0].prompt.tokens),
            "<|im_start|>user\nQ:{memory}{section} M:none S:" + hostile +
                "<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(tokenizer->decode_all(model.submitted()[1].prompt.tokens),
            "<|im_start|>user\nQ:{memory}{section} M:" + hostile +
                " A:<|im_end|>\n<|im_start|>assistant\n");
  // The one in the text is bytes, the one of the format a token.
  const TokenId control = *tokenizer->special_token("<|im_end|>");
  for (const GenerationRequest& request : model.submitted()) {
    EXPECT_EQ(std::count(request.prompt.tokens.begin(), request.prompt.tokens.end(), control), 1);
  }
}

TEST_F(EpisodeTest, AsksAheadUpToItsLookahead) {
  config.lookahead = 3;
  const Sections sections = numbered_sections(5, 20);
  Episode episode(config, renderer, "q");
  std::vector<Turn> turns;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(episode.need(), Need::kSection);
    episode.give_section(sections[static_cast<std::size_t>(episode.wanted_section())]);
    ASSERT_EQ(episode.need(), Need::kGeneration);
    turns.push_back(episode.take_generation());
    EXPECT_EQ(turns.back().section_index, i);
  }
  EXPECT_EQ(episode.need(), Need::kWait);
  // Section 1 is back first and changes the memory: what was asked after it was asked in vain, and
  // nothing more is asked until it has been accepted.
  GenerationResult change;
  change.tokens = {'m'};
  change.text = "m";
  episode.give_generation(turns[1].id, change);
  EXPECT_THAT(episode.take_discarded(), testing::ElementsAre(turns[2].id));
  EXPECT_EQ(episode.state().discarded_generations, 1);
  EXPECT_EQ(episode.need(), Need::kWait);
  // Section 0 keeps the memory.
  GenerationResult same;
  same.tokens = byte_tokenizer()->encode("none");
  same.text = "none";
  episode.give_generation(turns[0].id, same);
  ASSERT_EQ(episode.need(), Need::kAccept);
  EXPECT_EQ(episode.accept().memory.text, "none");
  EXPECT_EQ(episode.state().next_section, 1);
  ASSERT_EQ(episode.need(), Need::kAccept);
  EXPECT_EQ(episode.accept().memory.text, "m");
  EXPECT_EQ(episode.state().next_section, 2);
  // Section 2 is still at hand and is asked again, with the new memory.
  ASSERT_EQ(episode.need(), Need::kGeneration);
  const Turn again = episode.take_generation();
  EXPECT_EQ(again.section_index, 2);
  EXPECT_NE(again.id, turns[2].id);
  EXPECT_EQ(again.request.sampling.seed, turns[2].request.sampling.seed);
  // The result of the discarded turn is only counted.
  change.generated_tokens = 9;
  episode.give_generation(turns[2].id, change);
  EXPECT_EQ(episode.state().discarded_generated_tokens, 9);
  EXPECT_EQ(episode.need(), Need::kSection);
}

TEST_F(EpisodeTest, GivingUpKeepsTheMemoryAndSaysSo) {
  Episode episode(config, renderer, "q");
  episode.give_section(cut_sections("a", 1)[0]);
  GenerationResult failed;
  failed.stop = StopReason::kFailed;
  failed.error = "overloaded";
  episode.give_generation(episode.take_generation().id, failed);
  ASSERT_EQ(episode.need(), Need::kGeneration);
  episode.give_up(episode.take_generation().id, failed);
  const Conversation update = episode.accept();
  EXPECT_EQ(update.decision, Decision::kFailed);
  EXPECT_EQ(update.memory.text, "none");
  EXPECT_EQ(update.response.error, "overloaded");
  episode.end_of_document();
  episode.give_up(episode.take_generation().id, failed);
  EXPECT_EQ(episode.accept().decision, Decision::kFailed);
  EXPECT_EQ(episode.need(), Need::kFinished);
  EXPECT_EQ(episode.answer(), "");
  EXPECT_EQ(episode.state().failed, 2);
  EXPECT_EQ(episode.state().retried_generations, 1);
}

TEST_F(EpisodeTest, ASavedStateMustFitTheSettings) {
  const Reading reading = read(saying({"memory", "x"}), "a");
  const auto restore = [&](EpisodeConfig with, bool as_tokens) {
    Episode(with, plain_renderer(as_tokens), "q", reading.state);
  };
  EXPECT_NO_THROW(restore(config, true));
  EXPECT_THROW(restore(config, false), Error);
  EpisodeConfig smaller = config;
  smaller.memory_tokens = 5;
  EXPECT_THROW(restore(smaller, true), Error);
}

TEST_F(EpisodeTest, ImpossibleSettingsAreNamed) {
  const auto message = [&](auto change) -> std::string {
    EpisodeConfig wrong = config;
    change(wrong);
    try {
      validate(wrong, *renderer);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([](EpisodeConfig&) {}), "");
  EXPECT_THAT(message([](EpisodeConfig& c) { c.passes = 0; }), HasSubstr("passes is 0"));
  EXPECT_THAT(message([](EpisodeConfig& c) { c.lookahead = 0; }), HasSubstr("lookahead is 0"));
  EXPECT_THAT(message([](EpisodeConfig& c) { c.section_tokens = -4; }), HasSubstr("-4"));
  EXPECT_THAT(message([](EpisodeConfig& c) { c.memory_tokens = 3; }), HasSubstr("takes 4"));
  EXPECT_THAT(message([](EpisodeConfig& c) { c.sampling.top_p = 0.0F; }), HasSubstr("top-p"));
  EXPECT_THAT(message([](EpisodeConfig& c) { c.sampling.temperature = -1.0F; }),
              HasSubstr("temperature"));
  // "Q: M: S:\n" is 9 tokens: 9 + 40 + 16 + 20 + 16 = 101.
  EXPECT_EQ(message([](EpisodeConfig& c) { c.window_tokens = 101; }), "");
  const std::string update = message([](EpisodeConfig& c) { c.window_tokens = 100; });
  EXPECT_THAT(update, HasSubstr("101 tokens (template 9 + question 40 + memory 16 + section 20 + "
                                "response 16), more than the window of 100"));
  EXPECT_THAT(update, HasSubstr("section tokens to 19"));
  EXPECT_THAT(message([](EpisodeConfig& c) {
                c.window_tokens = 200;
                c.output_tokens = 150;
              }),
              HasSubstr("an answer takes up to 215"));
}

}  // namespace
}  // namespace memagent::test
