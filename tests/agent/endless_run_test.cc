// A Runner that a server keeps for good: Episodes, documents and single requests come and go while
// it runs. Whoever stays is read as if alone, nothing is heard of who was cancelled, and the Runner
// does not grow with what has been.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "agent/reading.h"
#include "agent/trace.h"
#include "base/random.h"
#include "memagent/runner.h"

namespace memagent::test {
namespace {

constexpr std::size_t kVisitors = 60;

// One Episode over a document of its own, from its arrival to its end.
struct Visitor {
  EpisodeConfig config;
  Sections sections;
  std::unique_ptr<SectionReader> reader;
  std::unique_ptr<Episode> episode;
  std::size_t document = 0;
  std::vector<std::string> trace;
  bool finished = false;
  std::int64_t cancel_after = -1;  // steps; -1: stays to the end
  bool cancelled = false;
};

std::string text_of(const Sections& sections) {
  std::string text;
  for (const auto& section : sections) text += section->text;
  return text;
}

class Guests : public RunObserver {
 public:
  explicit Guests(std::uint64_t seed) : random_(seed) {
    options.max_waits = 5;
    options.seed = random_.next();
    options.record = false;
    for (std::size_t i = 0; i < kVisitors; ++i) {
      Visitor& visitor = visitors.emplace_back();
      visitor.config = small_config();
      visitor.config.policy = random_.below(2) == 0 ? Policy::kOverwrite : Policy::kGated;
      visitor.config.lookahead = 1 + static_cast<std::int32_t>(random_.below(5));
      visitor.config.sampling.seed = random_.next();
      visitor.sections = numbered_sections(static_cast<std::int64_t>(random_.below(8)), 20);
      if (random_.below(3) == 0) {
        visitor.cancel_after = static_cast<std::int64_t>(random_.below(4));
      }
    }
  }

  Script script() const { return any_script(options, 3, 15); }
  static std::string question(std::size_t i) { return "question " + std::to_string(i); }

  void run() {
    ScriptedModel model(options, script());
    Runner runner(model, {.max_in_flight = 6, .tick_ms = 1, .reuse_numbers = true});
    runner_ = &runner;
    while (next_ < kVisitors) {
      arrive();
      runner.run(*this);
      leave();
    }
    runner_ = nullptr;
    EXPECT_EQ(model.in_flight(), 0U);
  }

  void on_conversation(std::size_t number, const Episode& episode,
                       const Conversation& conversation) override {
    Visitor& visitor = visitors[at_.at(number)];
    EXPECT_FALSE(visitor.cancelled);
    EXPECT_EQ(&episode, visitor.episode.get());
    visitor.trace.push_back(trace_line(0, conversation));
    const bool last = conversation.kind == ConversationKind::kAnswer;
    if (!last && static_cast<std::int64_t>(visitor.trace.size()) == visitor.cancel_after) {
      visitor.cancelled = true;
      runner_->cancel(number);
      gone_.push_back(at_.at(number));
    }
    if (random_.below(3) == 0) arrive();
  }
  void on_finished(std::size_t number, const Episode&) override {
    Visitor& visitor = visitors[at_.at(number)];
    EXPECT_FALSE(visitor.cancelled);
    visitor.finished = true;
    gone_.push_back(at_.at(number));
    if (random_.below(2) == 0) arrive();
  }
  void on_tick() override { leave(); }
  void on_result(std::size_t number, GenerationResult result) override {
    EXPECT_TRUE(requests_.erase(number)) << number;
    EXPECT_EQ(result.stop, StopReason::kEnd) << result.error;
    ++results;
  }

  ScriptedModelOptions options;
  std::vector<Visitor> visitors;
  std::set<std::size_t> numbers;
  std::size_t results = 0;
  std::size_t sent = 0;

 private:
  void arrive() {
    if (next_ == kVisitors) return;
    const std::size_t i = next_++;
    Visitor& visitor = visitors[i];
    visitor.reader =
        std::make_unique<SectionReader>(text_source(text_of(visitor.sections)), byte_tokenizer(),
                                        SectionOptions{.section_tokens = 20, .cut = Cut::kExact});
    visitor.episode = std::make_unique<Episode>(visitor.config, plain_renderer(), question(i));
    visitor.document = runner_->add_document(*visitor.reader);
    const std::size_t number = runner_->add_episode(*visitor.episode, visitor.document);
    numbers.insert(number);
    at_[number] = i;
    if (visitor.cancel_after == 0) {
      visitor.cancelled = true;
      runner_->cancel(number);
      gone_.push_back(i);
    }
    if (i % 2 == 0) {
      GenerationRequest request;
      request.prompt.tokens = byte_tokenizer()->encode("anything");
      request.max_tokens = 50;
      requests_.insert(runner_->add_request(request));
      ++sent;
    }
  }
  // Frees what those who left have had, so that any further use of it is found out.
  void leave() {
    for (const std::size_t i : gone_) {
      Visitor& visitor = visitors[i];
      runner_->remove_document(visitor.document);
      visitor.episode.reset();
      visitor.reader.reset();
    }
    gone_.clear();
  }

  RandomStream random_;
  Runner* runner_ = nullptr;
  std::size_t next_ = 0;
  std::map<std::size_t, std::size_t> at_;  // number -> visitor
  std::vector<std::size_t> gone_;          // visitors
  std::set<std::size_t> requests_;
};

TEST(EndlessRun, WhoeverStaysIsReadAsIfAlone) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Guests guests(seed);
    guests.run();
    std::size_t finished = 0;
    for (std::size_t i = 0; i < kVisitors; ++i) {
      const Visitor& visitor = guests.visitors[i];
      ASSERT_NE(visitor.finished, visitor.cancelled) << "seed " << seed << " visitor " << i;
      if (visitor.cancelled) {
        ASSERT_LE(static_cast<std::int64_t>(visitor.trace.size()), visitor.cancel_after);
        continue;
      }
      ++finished;
      ScriptedModel model(guests.options, guests.script());
      const Reading alone = reference_reading(visitor.config, *plain_renderer(),
                                              Guests::question(i), visitor.sections, model);
      ASSERT_EQ(visitor.trace, alone.trace) << "seed " << seed << " visitor " << i;
    }
    EXPECT_GT(finished, kVisitors / 3);
    EXPECT_EQ(guests.results, guests.sent);
    EXPECT_LT(guests.numbers.size(), kVisitors) << "numbers were not given again";
  }
}

class OneRequest : public RunObserver {
 public:
  void on_result(std::size_t, GenerationResult result) override {
    results.push_back(std::move(result));
  }
  std::vector<GenerationResult> results;
};

TEST(EndlessRun, ARequestThatTheModelRefusesIsAResult) {
  ScriptedModel model({.context_tokens = 10},
                      [](const GenerationRequest&) { return Reply{.text = "a"}; });
  Runner runner(model, {});
  GenerationRequest request;
  request.prompt.tokens = byte_tokenizer()->encode("longer than ten");
  request.max_tokens = 5;
  runner.add_request(request);
  OneRequest observer;
  runner.run(observer);
  ASSERT_EQ(observer.results.size(), 1U);
  EXPECT_EQ(observer.results[0].stop, StopReason::kFailed);
  EXPECT_EQ(observer.results[0].error, "request of 20 tokens is longer than the context of 10");
}

TEST(EndlessRun, NothingIsHeardOfACancelledRequest) {
  ScriptedModel model({.min_waits = 3, .max_waits = 3},
                      [](const GenerationRequest&) { return Reply{.text = "a"}; });
  Runner runner(model, {});
  GenerationRequest request;
  request.prompt.tokens = byte_tokenizer()->encode("ask");
  request.max_tokens = 5;
  const std::size_t sent = runner.add_request(request);
  model.on_wait = [&] {
    if (model.waits() == 1) runner.cancel(sent);
  };
  OneRequest observer;
  runner.run(observer);
  EXPECT_TRUE(observer.results.empty());
  EXPECT_EQ(model.cancelled().size(), 1U);
  EXPECT_EQ(model.in_flight(), 0U);
}

// Requests and answers can be watched; updates are not for readers.
TEST(EndlessRun, ResponsesAreWatchedAsTheyGrow) {
  ScriptedModel model({}, [](const GenerationRequest&) { return Reply{.text = "abc"}; });
  class Watching : public RunObserver {
   public:
    void on_text(std::size_t number, const Episode* episode, std::string_view so_far) override {
      EXPECT_EQ(episode != nullptr, number == 1);
      seen[number].emplace_back(so_far);
    }
    std::map<std::size_t, std::vector<std::string>> seen;
  } watching;
  SectionReader reader(text_source(text_of(numbered_sections(3, 20))), byte_tokenizer(),
                       {.section_tokens = 20, .cut = Cut::kExact});
  Episode episode(small_config(), plain_renderer(), "question");
  Runner runner(model, {.watch_text = true});
  GenerationRequest request;
  request.prompt.tokens = byte_tokenizer()->encode("ask");
  request.max_tokens = 5;
  runner.add_request(std::move(request));
  runner.add_episode(episode, runner.add_document(reader));
  runner.run(watching);
  const std::vector<std::string> grown = {"a", "ab", "abc"};
  EXPECT_EQ(watching.seen,
            (std::map<std::size_t, std::vector<std::string>>{{0, grown}, {1, grown}}));
}

// Six requests of one group, then two of another: they alternate as long as both have some.
TEST(EndlessRun, GroupsTakeTurns) {
  ScriptedModel model({}, [](const GenerationRequest&) { return Reply{.text = "a"}; });
  class Order : public RunObserver {
   public:
    void on_result(std::size_t number, GenerationResult) override { numbers.push_back(number); }
    std::vector<std::size_t> numbers;
  } order;
  Runner runner(model, {.max_in_flight = 1});
  for (std::size_t i = 0; i < 8; ++i) {
    GenerationRequest request;
    request.prompt.tokens = byte_tokenizer()->encode("ask");
    request.max_tokens = 5;
    runner.add_request(std::move(request), i < 6 ? 1 : 2);
  }
  runner.run(order);
  EXPECT_EQ(order.numbers, (std::vector<std::size_t>{0, 6, 1, 7, 2, 3, 4, 5}));
}

// A reading of one group needs a section while nine of another wait for their turns with the model:
// it gets one in time for every second turn or so, not for every tenth.
TEST(EndlessRun, AGroupIsNotKeptFromReading) {
  const Sections sections = numbered_sections(12, 20);
  ScriptedModel model({}, [](const GenerationRequest&) { return Reply{.text = "a"}; });
  class Steps : public RunObserver {
   public:
    void on_conversation(std::size_t number, const Episode&, const Conversation&) override {
      ++(number == 0 ? of_the_one : of_the_nine);
      if (number == 0) at_its_end = of_the_nine;
    }
    std::size_t of_the_one = 0;
    std::size_t of_the_nine = 0;
    std::size_t at_its_end = 0;
  } steps;
  std::vector<Episode> episodes;
  std::vector<SectionReader> readers;
  for (int i = 0; i < 10; ++i) {
    episodes.emplace_back(small_config(), plain_renderer(), "question");
    readers.emplace_back(text_source(text_of(sections)), byte_tokenizer(),
                         SectionOptions{.section_tokens = 20, .cut = Cut::kExact});
  }
  Runner runner(model, {.max_in_flight = 1});
  for (std::size_t i = 0; i < 10; ++i) {
    runner.add_episode(episodes[i], runner.add_document(readers[i]), i == 0 ? 1 : 2);
  }
  runner.run(steps);
  EXPECT_EQ(steps.of_the_one, 13U);
  // Without groups it would be 9 for each of its own, 117.
  EXPECT_LE(steps.at_its_end, 3 * 13U);
}

}  // namespace
}  // namespace memagent::test
