// The Runner: many Episodes at once give the trajectories they give alone, whatever the order of
// results, the limits and the interruptions; and what it promises about sharing, order, failures.
#include "memagent/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agent/reading.h"
#include "agent/section_share.h"
#include "agent/state_json.h"
#include "agent/trace.h"
#include "base/random.h"
#include "memagent/error.h"

namespace memagent::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string text_of(const Sections& sections) {
  std::string text;
  for (const auto& section : sections) text += section->text;
  return text;
}

// Text of a test, counting how often it is read and failing where told to.
class CountingSource : public DocumentSource {
 public:
  struct Log {
    std::size_t rewinds = 0;
    std::size_t bytes = 0;
  };
  CountingSource(std::string text, Log* log, bool rewindable = true,
                 std::size_t fail_at = std::string::npos)
      : text_(std::move(text)), log_(log), rewindable_(rewindable), fail_at_(fail_at) {}
  std::size_t read(std::span<char> buffer) override {
    if (at_ >= fail_at_) throw Error(ErrorKind::kBadInput, "the disk is gone");
    // Small pieces, so that reading ahead of the sections asked for would show.
    const std::size_t bytes = std::min({buffer.size(), text_.size() - at_, std::size_t{7}});
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), bytes, buffer.begin());
    at_ += bytes;
    if (log_ != nullptr) log_->bytes += bytes;
    return bytes;
  }
  bool rewindable() const override { return rewindable_; }
  void rewind() override {
    at_ = 0;
    if (log_ != nullptr) ++log_->rewinds;
  }
  std::int64_t total_bytes() const override { return static_cast<std::int64_t>(text_.size()); }
  std::string name() const override { return "counted"; }

 private:
  std::string text_;
  Log* log_;
  bool rewindable_;
  std::size_t fail_at_;
  std::size_t at_ = 0;
};

SectionReader exact_reader(std::unique_ptr<DocumentSource> source, std::int32_t section_tokens) {
  return SectionReader(std::move(source), byte_tokenizer(),
                       {.section_tokens = section_tokens, .cut = Cut::kExact});
}

SectionReader reader_of(const std::string& text, std::int32_t section_tokens) {
  return exact_reader(text_source(text), section_tokens);
}

// Keeps the trace of every Episode, and checks what observers are promised.
class Recorder : public RunObserver {
 public:
  void on_conversation(std::size_t number, const Episode& episode,
                       const Conversation& conversation) override {
    Reading& reading = readings[number];
    reading.trace.push_back(trace_line(0, conversation));
    reading.state = episode.state();
    order.push_back(number);
    // The state is the one just after this conversation.
    EXPECT_EQ(conversation.memory, episode.memory());
    if (conversation.kind == ConversationKind::kUpdate) {
      EXPECT_EQ(episode.state().next_section, conversation.section_index + 1);
      EXPECT_EQ(episode.state().pass, conversation.pass);
    } else {
      EXPECT_TRUE(episode.state().finished);
    }
    if (on_step) on_step(number);
  }
  void on_finished(std::size_t number, const Episode& episode) override {
    readings[number].answer = episode.answer();
    EXPECT_TRUE(finished.insert(number).second);
    if (on_end) on_end(number);
  }
  AfterFailure on_failed(std::size_t number, const Episode&, const Error& error) override {
    failures.emplace_back(number, error.what());
    return after_failure;
  }
  void on_tick() override { ++ticks; }

  std::map<std::size_t, Reading> readings;
  std::vector<std::size_t> order;  // of accepted conversations
  std::set<std::size_t> finished;
  std::vector<std::pair<std::size_t, std::string>> failures;
  AfterFailure after_failure = AfterFailure::kEndRun;
  std::size_t ticks = 0;
  std::function<void(std::size_t)> on_step;
  std::function<void(std::size_t)> on_end;
};

std::string message_of(const std::function<void()>& run, ErrorKind kind) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no Error";
  return "";
}

// Several documents, and Episodes of all kinds over them.
struct World {
  explicit World(std::uint64_t seed) : random(seed) {
    model_options.tokens = random.below(2) == 0;
    model_options.max_waits = static_cast<std::int32_t>(random.below(8));
    model_options.results_per_wait = static_cast<std::int32_t>(random.below(3));
    model_options.seed = random.next();
    model_options.record = false;
    renderer = plain_renderer(model_options.tokens);
    change_one_in = 1 + random.below(12);
    for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
      documents.push_back(numbered_sections(static_cast<std::int64_t>(random.below(25)), 20));
    }
    for (std::uint64_t i = 1 + random.below(8); i > 0; --i) {
      EpisodeConfig config = small_config();
      config.policy = random.below(2) == 0 ? Policy::kOverwrite : Policy::kGated;
      config.layout = random.below(2) == 0 ? Layout::kQuestionFirst : Layout::kSectionFirst;
      config.passes = 1 + static_cast<std::int32_t>(random.below(3));
      config.lookahead = 1 + static_cast<std::int32_t>(random.below(6));
      config.sampling.seed = random.next();
      configs.push_back(config);
      document_of.push_back(random.below(documents.size()));
    }
    options.max_in_flight = 1 + static_cast<std::int32_t>(random.below(12));
    options.section_window = 1 + static_cast<std::int32_t>(random.below(5));
  }

  Script script() const { return any_script(model_options, change_one_in, 15); }
  std::string question(std::size_t i) const { return "question " + std::to_string(i); }

  std::vector<std::string> expected_trace(std::size_t i) const {
    ScriptedModel model(model_options, script());
    return reference_reading(configs[i], *renderer, question(i), documents[document_of[i]], model)
        .trace;
  }

  // Runs all Episodes, each from its saved state if it has one.
  void run(Recorder& recorder, const std::map<std::size_t, EpisodeState>& saved) {
    ScriptedModel model(model_options, script());
    std::deque<SectionReader> readers;
    std::deque<Episode> episodes;
    Runner runner(model, options);
    for (const Sections& sections : documents) {
      readers.push_back(reader_of(text_of(sections), 20));
      runner.add_document(readers.back());
    }
    for (std::size_t i = 0; i < configs.size(); ++i) {
      const auto state = saved.find(i);
      if (state == saved.end()) {
        episodes.emplace_back(configs[i], renderer, question(i));
      } else {
        episodes.emplace_back(configs[i], renderer, question(i), state->second);
      }
      EXPECT_EQ(runner.add_episode(episodes.back(), document_of[i]), i);
    }
    runner.run(recorder);
    EXPECT_EQ(model.in_flight(), 0U);
    EXPECT_EQ(recorder.finished.size(), configs.size());
  }

  RandomStream random;
  ScriptedModelOptions model_options;
  std::shared_ptr<const PromptRenderer> renderer;
  std::uint64_t change_one_in = 1;
  std::vector<Sections> documents;
  std::vector<EpisodeConfig> configs;
  std::vector<std::size_t> document_of;
  RunnerOptions options;
};

TEST(RunnerProperty, ManyEpisodesTogetherEqualEachAlone) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    World world(seed);
    Recorder recorder;
    world.run(recorder, {});
    for (std::size_t i = 0; i < world.configs.size(); ++i) {
      ASSERT_EQ(recorder.readings[i].trace, world.expected_trace(i)) << "seed " << seed;
    }
  }
}

TEST(RunnerProperty, StoppedAnywhereAndResumedEqualsUninterrupted) {
  for (std::uint64_t seed = 500; seed < 600; ++seed) {
    World world(seed);
    std::map<std::size_t, EpisodeState> saved;
    std::map<std::size_t, std::vector<std::string>> traces;
    std::atomic<bool> stop = false;
    world.options.stop = &stop;
    bool done = false;
    for (int runs = 0; !done; ++runs) {
      ASSERT_LT(runs, 2000);
      Recorder recorder;
      std::uint64_t steps_left = 1 + world.random.below(40);
      stop = false;
      recorder.on_step = [&](std::size_t) {
        EXPECT_FALSE(stop);  // nothing is accepted after the stop
        if (--steps_left == 0) stop = true;
      };
      try {
        world.run(recorder, saved);
        done = true;
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::kInterrupted) << error.what();
      }
      for (const auto& [number, reading] : recorder.readings) {
        if (reading.trace.empty()) continue;
        auto& trace = traces[number];
        trace.insert(trace.end(), reading.trace.begin(), reading.trace.end());
        saved[number] = episode_state_from_json(to_json(reading.state));
      }
    }
    for (std::size_t i = 0; i < world.configs.size(); ++i) {
      ASSERT_EQ(traces[i], world.expected_trace(i)) << "seed " << seed << " episode " << i;
    }
  }
}

class RunnerTest : public testing::Test {
 protected:
  void add(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      episodes.emplace_back(config, renderer, "question " + std::to_string(episodes.size()));
    }
  }
  static Reply echo(const GenerationRequest& request) {
    return {.text = std::to_string(request.prompt.tokens.size())};
  }

  EpisodeConfig config = small_config();
  ScriptedModelOptions options;
  RunnerOptions run_options;
  std::shared_ptr<const PromptRenderer> renderer = plain_renderer();
  std::vector<Episode> episodes;
  Recorder recorder;
  std::string document = text_of(numbered_sections(30, 20));
};

TEST_F(RunnerTest, OneReadingServesAllEpisodesOfAPass) {
  CountingSource::Log log;
  SectionReader reader =
      exact_reader(std::make_unique<CountingSource>(document, &log), config.section_tokens);
  config.passes = 3;
  add(20);
  options.max_waits = 5;
  ScriptedModel model(options, echo);
  run_episodes(model, episodes, reader, recorder);
  EXPECT_EQ(log.rewinds, 2U);
  EXPECT_EQ(log.bytes, 3 * document.size());
  for (const Episode& episode : episodes) EXPECT_EQ(episode.state().sections_read, 90);
}

TEST_F(RunnerTest, KeepsTheModelBusyWithinTheLimit) {
  add(20);
  options.max_waits = 4;
  run_options.max_in_flight = 8;
  ScriptedModel model(options, echo);
  std::size_t full_waits = 0;
  model.on_wait = [&] {
    if (model.last_timeout().count() == 0) return;  // looked after while reading
    const std::size_t unfinished = 20 - recorder.finished.size();
    EXPECT_EQ(model.in_flight(), std::min<std::size_t>(8, unfinished));
    full_waits += model.in_flight() == 8 ? 1 : 0;
  };
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder, run_options);
  EXPECT_EQ(model.most_in_flight(), 8U);
  EXPECT_GT(full_waits, 50U);
}

TEST_F(RunnerTest, TheModelsOwnLimitIsTheDefault) {
  add(9);
  options.parallel = 3;
  ScriptedModel model(options, echo);
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder);
  EXPECT_EQ(model.most_in_flight(), 3U);
}

TEST_F(RunnerTest, EpisodesTakeTurns) {
  add(10);
  run_options.max_in_flight = 1;
  ScriptedModel model(options, echo);
  std::vector<std::int64_t> steps(10, 0);
  recorder.on_step = [&](std::size_t number) {
    ++steps[number];
    const auto [least, most] = std::minmax_element(steps.begin(), steps.end());
    EXPECT_LE(*most - *least, 1);
  };
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder, run_options);
}

TEST_F(RunnerTest, NoEpisodeRunsAheadOfTheSectionWindow) {
  // Episode 0 reads far ahead, the other is slow.
  config.lookahead = 20;
  add(1);
  config.lookahead = 1;
  add(1);
  run_options.section_window = 4;
  run_options.max_in_flight = 30;
  options.tokens = true;
  ScriptedModel model(options, [](const GenerationRequest&) { return Reply{.text = "none"}; });
  std::vector<std::int64_t> at(2, 0);
  CountingSource::Log log;
  SectionReader reader = exact_reader(std::make_unique<CountingSource>(document, &log), 20);
  recorder.on_step = [&](std::size_t number) {
    at[number] = episodes[number].state().next_section;
    // Taken by the slow one: those accepted and one that is out.
    EXPECT_LE(at[0], at[1] + 1 + 4);
  };
  run_episodes(model, episodes, reader, recorder, run_options);
  EXPECT_EQ(recorder.finished.size(), 2U);
}

TEST_F(RunnerTest, DiscardedTurnsAreCancelledAndCounted) {
  config.lookahead = 8;
  options.max_waits = 6;
  options.parallel = 8;
  add(1);
  ScriptedModel model(options, any_script(options, 3, 1000));
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder);
  const EpisodeState& state = episodes[0].state();
  EXPECT_GT(state.discarded_generations, 10);
  // Every submission was accepted or discarded; those still out were cancelled.
  EXPECT_EQ(static_cast<std::int64_t>(model.submissions()), 31 + state.discarded_generations);
  EXPECT_GT(model.cancelled().size(), 5U);
  EXPECT_LE(static_cast<std::int64_t>(model.cancelled().size()), state.discarded_generations);
}

// 400 sections, 5 of them with evidence, over a model whose every answer takes 10 calls of wait():
// reading one by one waits 4,010 times; reading 32 ahead is the same reading in a sixteenth.
TEST_F(RunnerTest, ReadingAheadShortensTheChainOfWaits) {
  const std::set<std::size_t> evidence = {37, 120, 201, 288, 377};
  config.policy = Policy::kGated;
  config.memory_tokens = 40;
  document = text_of(numbered_sections(400, 20));
  options.min_waits = options.max_waits = 9;
  options.parallel = 64;
  options.record = false;
  const auto read = [&](std::int32_t lookahead) {
    config.lookahead = lookahead;
    std::vector<Episode> one;
    one.emplace_back(config, renderer, "what are the clues?");
    ScriptedModel model(options, [&](const GenerationRequest& request) {
      const std::string prompt = model.prompt_text(request);
      const std::size_t section = prompt.find("S:section ");
      if (section == std::string::npos) return Reply{.text = "answer"};
      const std::size_t number = std::stoul(prompt.substr(section + 10));
      if (!evidence.contains(number)) return Reply{.text = "KEEP"};
      const std::size_t memory = prompt.find(" M:") + 3;
      return Reply{.text = "UPDATE\n" + prompt.substr(memory, section - 1 - memory) + "," +
                           std::to_string(number)};
    });
    SectionReader reader = reader_of(document, config.section_tokens);
    Recorder traces;
    run_episodes(model, one, reader, traces);
    EXPECT_EQ(one[0].memory().text, "none,37,120,201,288,377");
    EXPECT_LE(one[0].state().discarded_generations, 5 * (lookahead - 1));
    return std::pair(model.waits(), traces.readings[0].trace);
  };
  const auto [waits, trace] = read(1);
  const auto [waits_ahead, trace_ahead] = read(32);
  EXPECT_EQ(waits, 4010U);
  EXPECT_LE(waits_ahead, waits / 16);
  EXPECT_EQ(trace_ahead, trace);
}

TEST_F(RunnerTest, AFailureThatStaysEndsTheRunAndCanBeResumed) {
  add(1);
  bool broken = true;
  ScriptedModel model(options, [&](const GenerationRequest& request) {
    if (broken && model.prompt_text(request).find("section 7") != std::string::npos) {
      return Reply{.error = "overloaded"};
    }
    return echo(request);
  });
  SectionReader reader = reader_of(document, config.section_tokens);
  EXPECT_THAT(
      message_of([&] { run_episodes(model, episodes, reader, recorder); }, ErrorKind::kModel),
      HasSubstr("3 generations in a row failed: overloaded"));
  EXPECT_EQ(episodes[0].state().next_section, 7);
  EXPECT_EQ(episodes[0].state().retried_generations, 2);
  EXPECT_EQ(recorder.failures.size(), 1U);

  broken = false;
  episodes[0] = Episode(config, renderer, "question 0", episodes[0].state());
  SectionReader again = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, again, recorder);
  EXPECT_EQ(recorder.readings[0].trace.size(), 31U);
}

TEST_F(RunnerTest, OnlyFailuresInARowCount) {
  add(1);
  // Two fail, then one succeeds, over and over.
  for (std::size_t i = 0; i < 90; ++i) {
    if (i % 3 != 2) options.failing.push_back(i);
  }
  ScriptedModel model(options, echo);
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder);
  EXPECT_THAT(recorder.finished, ElementsAre(0));
  EXPECT_EQ(episodes[0].state().retried_generations, 60);
  EXPECT_EQ(episodes[0].state().failed, 0);
}

TEST_F(RunnerTest, AStopAfterTheLastAnswerIsNoInterruption) {
  add(1);
  std::atomic<bool> stop = false;
  run_options.stop = &stop;
  recorder.on_end = [&](std::size_t) { stop = true; };
  ScriptedModel model(options, echo);
  SectionReader reader = reader_of(document, config.section_tokens);
  EXPECT_NO_THROW(run_episodes(model, episodes, reader, recorder, run_options));
}

TEST_F(RunnerTest, AnObserverMayLetTheOthersGoOn) {
  add(3);
  ScriptedModel model(options, [&](const GenerationRequest& request) {
    const std::string prompt = model.prompt_text(request);
    if (prompt.find("question 1") != std::string::npos &&
        prompt.find("section 5") != std::string::npos) {
      return Reply{.error = "refused"};
    }
    return echo(request);
  });
  recorder.after_failure = AfterFailure::kEndEpisode;
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder);
  EXPECT_THAT(recorder.finished, ElementsAre(0, 2));
  EXPECT_EQ(episodes[1].state().next_section, 5);

  Recorder second;
  second.after_failure = AfterFailure::kSkipStep;
  episodes[1] = Episode(config, renderer, "question 1", episodes[1].state());
  std::vector<Episode> one;
  one.push_back(std::move(episodes[1]));
  SectionReader again = reader_of(document, config.section_tokens);
  run_episodes(model, one, again, second);
  EXPECT_THAT(second.finished, ElementsAre(0));
  EXPECT_EQ(one[0].state().failed, 1);
  EXPECT_THAT(second.readings[0].trace[0], HasSubstr("\"decision\":\"failed\""));
}

TEST_F(RunnerTest, ARequestTheModelRefusesIsThatEpisodesFailure) {
  add(1);
  options.context_tokens = 50;
  ScriptedModel model(options, echo);
  SectionReader reader = reader_of(document, config.section_tokens);
  EXPECT_THAT(
      message_of([&] { run_episodes(model, episodes, reader, recorder); }, ErrorKind::kUsage),
      HasSubstr("longer than the context"));
}

TEST_F(RunnerTest, ADocumentThatCannotBeReadFailsItsEpisodes) {
  add(2);
  ScriptedModel model(options, echo);
  SectionReader reader =
      exact_reader(std::make_unique<CountingSource>(document, nullptr, true, 300), 20);
  EXPECT_THAT(
      message_of([&] { run_episodes(model, episodes, reader, recorder); }, ErrorKind::kBadInput),
      HasSubstr("the disk is gone"));
  EXPECT_GT(episodes[0].state().next_section, 5);
  EXPECT_EQ(model.in_flight(), 0U);
}

TEST_F(RunnerTest, ResumingWithAnotherDocumentIsRefused) {
  add(1);
  std::atomic<bool> stop = false;
  run_options.stop = &stop;
  recorder.on_step = [&](std::size_t) { stop = recorder.order.size() == 5; };
  ScriptedModel model(options, echo);
  SectionReader reader = reader_of(document, config.section_tokens);
  EXPECT_THROW(run_episodes(model, episodes, reader, recorder, run_options), Error);
  const EpisodeState saved = episodes[0].state();
  ASSERT_EQ(saved.next_section, 5);
  const auto resume = [&](const std::string& text) {
    std::vector<Episode> again;
    again.emplace_back(config, renderer, "question 0", saved);
    SectionReader other = reader_of(text, config.section_tokens);
    Recorder quiet;
    run_episodes(model, again, other, quiet);
  };
  std::string changed = document;
  changed[10] = '!';
  EXPECT_THAT(message_of([&] { resume(changed); }, ErrorKind::kUsage),
              HasSubstr("first 5 sections"));
  EXPECT_THAT(message_of([&] { resume(document.substr(0, 80)); }, ErrorKind::kUsage),
              HasSubstr("first 5 sections"));
  // What comes after the part that was read may differ: it has not been read yet.
  EXPECT_NO_THROW(resume(document.substr(0, 100)));
  EXPECT_NO_THROW(resume(document));
}

TEST_F(RunnerTest, SeveralPassesNeedADocumentThatCanBeReadAgain) {
  config.passes = 2;
  add(1);
  ScriptedModel model(options, echo);
  SectionReader reader =
      exact_reader(std::make_unique<CountingSource>(document, nullptr, false), 20);
  EXPECT_THAT(
      message_of([&] { run_episodes(model, episodes, reader, recorder); }, ErrorKind::kUsage),
      HasSubstr("counted: cannot be read 2 times"));
  EXPECT_EQ(model.submissions(), 0U);
}

TEST_F(RunnerTest, EpisodesAndDocumentsMayBeAddedOnTheWay) {
  ScriptedModel model(options, echo);
  Runner runner(model, run_options);
  CountingSource::Log log;
  std::deque<SectionReader> readers;
  readers.push_back(exact_reader(std::make_unique<CountingSource>(document, &log), 20));
  runner.add_document(readers[0]);
  std::deque<Episode> live;
  live.emplace_back(config, renderer, "first");
  runner.add_episode(live.back(), 0);
  recorder.on_step = [&](std::size_t) {
    // Once the first sections have gone: the late-comer waits for the next sweep.
    if (recorder.order.size() == 10) {
      live.emplace_back(config, renderer, "late");
      EXPECT_EQ(runner.add_episode(live.back(), 0), 1U);
    }
  };
  recorder.on_end = [&](std::size_t number) {
    if (number != 1) return;
    readers.push_back(reader_of("short", 20));
    live.emplace_back(config, renderer, "other document");
    EXPECT_EQ(runner.add_episode(live.back(), runner.add_document(readers.back())), 2U);
  };
  runner.run(recorder);
  EXPECT_THAT(recorder.finished, ElementsAre(0, 1, 2));
  EXPECT_EQ(log.rewinds, 1U);
  EXPECT_EQ(live[1].state().sections_read, 30);
  EXPECT_EQ(live[2].state().sections_read, 1);
}

TEST_F(RunnerTest, AnExceptionOfAnObserverPassesThrough) {
  add(4);
  ScriptedModel model(options, echo);
  recorder.on_step = [&](std::size_t) {
    if (recorder.order.size() == 6) throw Error(ErrorKind::kStorage, "disk full");
  };
  SectionReader reader = reader_of(document, config.section_tokens);
  EXPECT_EQ(
      message_of([&] { run_episodes(model, episodes, reader, recorder); }, ErrorKind::kStorage),
      "disk full");
  // What was in flight has been cancelled.
  EXPECT_EQ(model.cancelled().size(), model.in_flight());
}

TEST_F(RunnerTest, TicksWhileItWaits) {
  add(1);
  options.min_waits = options.max_waits = 3;
  ScriptedModel model(options, echo);
  SectionReader reader = reader_of(document, config.section_tokens);
  run_episodes(model, episodes, reader, recorder);
  EXPECT_GE(recorder.ticks, 31U * 3U);
}

TEST(SectionShareTest, HoldsSectionsOnlyWhileSomebodyNeedsThem) {
  SectionReader reader = reader_of(text_of(numbered_sections(6, 20)), 20);
  SectionShare share(reader, 3);
  std::shared_ptr<const Section> section;
  using Answer = SectionShare::Answer;
  EXPECT_FALSE(share.has_work());
  EXPECT_EQ(share.ask(0, 0, {}, section), Answer::kWait);
  EXPECT_EQ(share.ask(1, 0, {}, section), Answer::kWait);
  ASSERT_TRUE(share.has_work());
  share.work();
  EXPECT_THAT(share.take_woken(), ElementsAre(0, 1));
  EXPECT_FALSE(share.has_work());  // nobody waits
  for (std::int64_t i = 0; i < 3; ++i) {
    if (i > 0) share.work();
    ASSERT_EQ(share.ask(0, i, {}, section), Answer::kSection);
    EXPECT_EQ(section->index, i);
    share.ask(0, i + 1, {}, section);
  }
  // Episode 1 has taken none yet: no more than the window are held.
  EXPECT_EQ(share.held(), 3U);
  EXPECT_FALSE(share.has_work());
  EXPECT_EQ(share.ask(1, 0, {}, section), Answer::kSection);
  EXPECT_EQ(share.held(), 2U);
  ASSERT_TRUE(share.has_work());
  // Without Episode 1, what only it needed is dropped.
  share.leave(1);
  EXPECT_EQ(share.held(), 0U);
  for (std::int64_t i = 3; i < 6; ++i) {
    share.work();
    ASSERT_EQ(share.ask(0, i, {}, section), Answer::kSection);
    EXPECT_EQ(share.held(), 0U);
    share.ask(0, i + 1, {}, section);
  }
  share.work();
  EXPECT_EQ(share.ask(0, 6, {}, section), Answer::kEnd);
  EXPECT_FALSE(share.has_work());
}

}  // namespace
}  // namespace memagent::test
