// Several questions over one document in one reading: sharing it, failing together, being
// cancelled.
#include "server/reading_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "agent/reading.h"
#include "format/temporary_folder.h"
#include "server/blocking_model.h"

namespace memagent::test {
namespace {

// The memory becomes the question's first character and the section's; the answer is the memory.
std::string reader(const std::string& prompt) {
  const std::string question = prompt.substr(prompt.find("Q:") + 2, 1);
  const std::size_t section = prompt.find(" S:");
  if (section != std::string::npos) return question + prompt.substr(section + 3, 1);
  return "answer " + prompt.substr(prompt.find(" M:") + 3, 2);
}

const std::string kText = std::string(20, 'a') + std::string(20, 'b') + std::string(20, 'c');

// Counts the bytes read of a text.
class CountedSource : public DocumentSource {
 public:
  CountedSource(std::string text, std::atomic<std::size_t>& bytes)
      : source_(text_source(std::move(text))), bytes_(bytes) {}
  std::size_t read(std::span<char> buffer) override {
    const std::size_t count = source_->read(buffer);
    bytes_ += count;
    return count;
  }
  bool rewindable() const override { return source_->rewindable(); }
  void rewind() override { source_->rewind(); }
  std::int64_t total_bytes() const override { return source_->total_bytes(); }
  std::string name() const override { return source_->name(); }

 private:
  std::unique_ptr<DocumentSource> source_;
  std::atomic<std::size_t>& bytes_;
};

class ReadingServiceTest : public testing::Test {
 protected:
  explicit ReadingServiceTest(BlockingModel::Script script = reader) : model(std::move(script)) {}

  std::vector<Episode> episodes(const std::vector<std::string>& questions) const {
    EpisodeConfig config = small_config();
    config.section_tokens = 20;
    std::vector<Episode> result;
    for (const std::string& question : questions) {
      result.emplace_back(config, renderer, question);
    }
    return result;
  }
  SectionReader document() {
    return {std::make_unique<CountedSource>(kText, bytes_read),
            model.tokenizer(),
            {.section_tokens = 20, .cut = Cut::kExact}};
  }
  static ReadingOutcome outcome(const ReadingService::Handle& handle,
                                std::vector<ReadingProgress>* progress = nullptr) {
    while (true) {
      pollfd ready{handle.events().ready_fd(), POLLIN, 0};
      poll(&ready, 1, -1);
      EventQueue::Events events = handle.events().take();
      if (events.progress && progress != nullptr) progress->push_back(*events.progress);
      if (events.outcome) return *std::move(events.outcome);
    }
  }

  BlockingModel model;
  std::shared_ptr<const PromptRenderer> renderer = plain_renderer();
  std::atomic<std::size_t> bytes_read{0};
};

TEST_F(ReadingServiceTest, QuestionsShareOneReading) {
  ReadingService service(model, renderer, {});
  const auto handle = service.read("", episodes({"x?", "y?", "z?"}), document());
  std::vector<ReadingProgress> progress;
  const ReadingOutcome ended = outcome(handle, &progress);
  ASSERT_FALSE(ended.error) << ended.error->what();
  ASSERT_EQ(ended.states.size(), 3U);
  EXPECT_EQ(ended.states[0].answer, "answer xc");
  EXPECT_EQ(ended.states[1].answer, "answer yc");
  EXPECT_EQ(ended.states[2].answer, "answer zc");
  EXPECT_EQ(ended.text, "answer xc");
  EXPECT_EQ(ended.generated_tokens, ended.states[0].generated_tokens +
                                        ended.states[1].generated_tokens +
                                        ended.states[2].generated_tokens);
  EXPECT_EQ(bytes_read, kText.size());
  double before = 0;
  for (const ReadingProgress& one : progress) {
    EXPECT_GE(one.fraction, before);
    before = one.fraction;
  }
  EXPECT_EQ(before, 1);
  EXPECT_EQ(service.totals().active, 0U);
  EXPECT_EQ(service.totals().finished, 1);
}

TEST_F(ReadingServiceTest, AHeldModelsReadingIsCancelledAsAWhole) {
  model.hold();
  ReadingService service(model, renderer, {});
  const auto handle = service.read("", episodes({"x?", "y?"}), document());
  model.wait_for_running(2);
  handle.cancel();
  const ReadingOutcome ended = outcome(handle);
  EXPECT_EQ(ended.stop, StopReason::kCancelled);
  EXPECT_FALSE(ended.error);
  model.wait_for_cancelled(2);
  EXPECT_EQ(service.totals().cancelled, 1);
  EXPECT_EQ(service.totals().active, 0U);
  // What the model was given is spent: "Q:x? M:none S:", 20 of the document and a newline, twice.
  EXPECT_EQ(service.totals().prompt_tokens, 2 * 35);
  EXPECT_EQ(ended.prompt_tokens, 2 * 35);
}

// Says a word more at each wait, and never ends by itself.
class EndlessModel : public BlockingModel {
 public:
  EndlessModel() : BlockingModel(reader) {}
  RequestId submit(GenerationRequest request) override {
    running_.emplace(++last_id_, Running{std::move(request), ""});
    return last_id_;
  }
  void cancel(RequestId id) override { cancelled_.insert(id); }
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds) override {
    for (const RequestId id : std::exchange(cancelled_, {})) {
      running_.erase(id);
      GenerationResult& result = results.emplace_back();
      result.id = id;
      result.stop = StopReason::kCancelled;
    }
    for (auto& [id, running] : running_) {
      running.text += std::to_string(++words_) + " ";
      if (running.request.on_text) running.request.on_text(running.text);
    }
    std::this_thread::yield();
  }

 private:
  struct Running {
    GenerationRequest request;
    std::string text;
  };
  std::map<RequestId, Running> running_;
  std::set<RequestId> cancelled_;
  RequestId last_id_ = 0;
  int words_ = 0;
};

class EndlessAnswers : public testing::Test {
 protected:
  EndlessAnswers() {
    request.prompt.tokens = model.tokenizer()->encode("Hello");
    request.max_tokens = 1 << 30;
  }
  EndlessModel model;
  GenerationRequest request;
  KeyLimits limits{{{"alice", KeyLimit{.tokens_per_day = 8}}}};
};

TEST_F(EndlessAnswers, EndOnceAStopIsInThem) {
  ReadingService service(model, plain_renderer(), {});
  const auto handle = service.generate("", request, {.stop = {"never", " 3"}});
  while (!handle.events().ended()) {
    EventQueue::Events events = handle.events().take();
    if (!events.outcome) continue;
    EXPECT_EQ(events.outcome->stop, StopReason::kEnd);
    EXPECT_FALSE(events.outcome->error);
    EXPECT_EQ(events.outcome->text, "1 2 3 ");
    EXPECT_EQ(events.outcome->prompt_tokens, 5);
    EXPECT_EQ(events.outcome->generated_tokens, 6);
  }
  EXPECT_EQ(service.totals().finished, 1);
}

// Of several questions each by itself; the reading has ended when all have.
TEST_F(EndlessAnswers, EndOfAReadingToo) {
  ReadingService service(model, plain_renderer(), {});
  std::vector<Episode> both;
  for (const char* question : {"x?", "y?"}) {
    EpisodeState read = Episode(small_config(), plain_renderer(), question).state();
    read.reading_done = true;
    both.emplace_back(small_config(), plain_renderer(), question, read);
  }
  SectionReader document(text_source(kText), model.tokenizer(), {.section_tokens = 20});
  const auto handle =
      service.read("", std::move(both), std::move(document), nullptr, {.stop = {" 3", " 6"}});
  std::optional<ReadingOutcome> ended;
  while (!ended) ended = handle.events().take().outcome;
  EXPECT_FALSE(ended->error);
  EXPECT_THAT((std::vector{ended->text, ended->more.at(0).text}),
              testing::UnorderedElementsAre("1 3", testing::EndsWith(" 6")));
  EXPECT_EQ(ended->stop, StopReason::kEnd);
  EXPECT_EQ(ended->more[0].stop, StopReason::kEnd);
  EXPECT_GT(ended->prompt_tokens, 0);
  EXPECT_GE(ended->generated_tokens, 4 + 6);  // "1 3 " and "2 4 6 ", or "2 4 5 6 "
  EXPECT_EQ(service.totals().active, 0U);
  EXPECT_EQ(service.totals().generated_tokens, ended->generated_tokens);
}

// Whoever reads a stream and closes it before its end has used the tokens.
TEST_F(EndlessAnswers, CountWhenTheirClientGoes) {
  ReadingService service(model, plain_renderer(), {});
  {
    const auto handle = service.generate("", request, {.use = limits.admit("alice")});
    while (handle.events().take().texts.empty()) std::this_thread::yield();
  }
  while (service.totals().cancelled == 0) std::this_thread::yield();
  EXPECT_EQ(service.totals().prompt_tokens, 5);
  EXPECT_GE(service.totals().generated_tokens, 2);
  while (limits.totals()[0].in_flight > 0) std::this_thread::yield();
  EXPECT_EQ(limits.totals()[0].prompt_tokens, 5);
  EXPECT_EQ(limits.totals()[0].generated_tokens, service.totals().generated_tokens);
}

TEST_F(ReadingServiceTest, AQuestionThatIsAnsweredAlreadyStaysAsItIs) {
  ReadingService service(model, renderer, {});
  std::vector<Episode> both = episodes({"x?", "y?"});
  EpisodeState done = both[0].state();
  done.reading_done = true;
  done.finished = true;
  done.answer = "known";
  both[0] = Episode(both[0].config(), renderer, "x?", done);
  const ReadingOutcome ended = outcome(service.read("", std::move(both), document()));
  ASSERT_EQ(ended.states.size(), 2U);
  EXPECT_EQ(ended.states[0].answer, "known");
  EXPECT_EQ(ended.states[1].answer, "answer yc");
}

class FailingServiceTest : public ReadingServiceTest {
 protected:
  FailingServiceTest()
      : ReadingServiceTest([](const std::string& prompt) {
          return prompt.find("Q:y") != std::string::npos ? "!" : reader(prompt);
        }) {}
};

TEST_F(FailingServiceTest, OneQuestionThatFailsEndsAllOnce) {
  ReadingService service(model, renderer, {});
  const ReadingOutcome ended = outcome(service.read("", episodes({"x?", "y?", "z?"}), document()));
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(ended.error->kind(), ErrorKind::kModel);
  EXPECT_EQ(ended.states.size(), 3U);
  // Others are not touched, and nothing is counted twice.
  EXPECT_EQ(outcome(service.read("", episodes({"x?"}), document())).text, "answer xc");
  const ReadingTotals totals = service.totals();
  EXPECT_EQ(totals.active, 0U);
  EXPECT_EQ(totals.failed, 1);
  EXPECT_EQ(totals.finished, 1);
}

// A session of two questions, as the store has it after a reading.
TEST_F(ReadingServiceTest, ASessionKeepsEveryQuestionsSteps) {
  const TemporaryFolder folder;
  const auto hold = [&] {
    auto held = std::make_unique<HeldSession>();
    held->name = "s";
    held->store = std::make_unique<SessionStore>(folder.path("store"));
    SessionSpec spec;
    spec.questions = {"x?", "y?"};
    held->session.emplace(held->store->open("s", spec));
    return held;
  };
  ReadingService service(model, renderer, {});
  const ReadingOutcome ended =
      outcome(service.read("", episodes({"x?", "y?"}), document(), hold()));
  ASSERT_FALSE(ended.error) << ended.error->what();
  const auto info = SessionStore(folder.path("store")).find("s");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->status, SessionStatus::kFinished);
  EXPECT_FALSE(info->running);
  EXPECT_EQ(info->conversations, 8);  // of each question 3 updates and an answer
  EXPECT_NE(info->states_json[0].find("answer xc"), std::string::npos);
  EXPECT_NE(info->states_json[1].find("answer yc"), std::string::npos);
}

// The old reading gives the session back just before it ends: another may have it by then.
TEST_F(ReadingServiceTest, AReadingThatEndsLeavesTheNextOfItsNameToBeCancelled) {
  const auto hold = [] {
    auto held = std::make_unique<HeldSession>();
    held->name = "s";
    return held;
  };
  model.hold();
  ReadingService service(model, renderer, {});
  const auto before = service.read("", episodes({"x?"}), document(), hold());
  const auto after = service.read("", episodes({"y?"}), document(), hold());
  model.wait_for_running(2);
  before.cancel();
  EXPECT_EQ(outcome(before).stop, StopReason::kCancelled);
  service.cancel_session("s");
  EXPECT_EQ(service.totals().active, 0U);
}

}  // namespace
}  // namespace memagent::test
