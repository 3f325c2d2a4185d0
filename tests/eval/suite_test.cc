// Whole suites over a scripted model: stopped anywhere and resumed, with failing rows, with an
// endpoint that dies, with baselines in windows of known size.
#include "eval/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>

#include "eval/baseline.h"
#include "eval/cells.h"
#include "eval/fact_task.h"
#include "eval/row_log.h"
#include "format/temporary_folder.h"
#include "memagent/error.h"

namespace memagent {
namespace {

using test::Reply;
using test::ScriptedModel;
using testing::HasSubstr;

constexpr std::int32_t kWindow = 4096;

ScriptedModel model_with(test::Script script, std::vector<std::size_t> failing = {},
                         std::uint64_t seed = 1) {
  return ScriptedModel({.context_tokens = kWindow,
                        .parallel = 4,
                        .min_waits = 0,
                        .max_waits = 3,
                        .seed = seed,
                        .failing = std::move(failing)},
                       std::move(script));
}

// Text of a prompt of one token a byte.
std::string text_of(const GenerationRequest& request) {
  return test::byte_tokenizer()->decode(request.prompt.tokens);
}

Reply forgetful(const GenerationRequest& request) {
  return {.text = test::reader_reply(text_of(request), true)};
}
Reply perfect(const GenerationRequest& request) {
  return {.text = test::reader_reply(text_of(request), false)};
}

SuiteConfig config_for(const LanguageModel& model) {
  SuiteConfig config;
  config.tasks = {test::fact_task({.name = "one"}),
                  test::fact_task({.name = "three", .hops = 3, .size = 5})};
  config.lengths = {500, 1000};
  config.methods = {Method::kMemory, Method::kTruncate};
  config.samples = {6};
  config.episode.section_tokens = 200;
  config.episode.memory_tokens = 120;
  config.episode.output_tokens = 60;
  config.episode.question_tokens = 100;
  config.episode.window_tokens = kWindow;
  config.episode.sampling.seed = 9;
  config.renderer = std::make_shared<PromptRenderer>(default_prompts(), model);
  config.baseline_renderer =
      std::make_shared<PromptRenderer>(baseline_prompts(default_prompts()), model);
  // Templates of some 350 bytes, a question of up to 100, an answer of 60.
  config.window_tokens = 1000;
  config.traces = Traces::kAll;
  config.clock = [] { return 0.0; };
  return config;
}

// Keeps rows in a log and in memory; stops the run after so many.
class Keeper : public SuiteObserver {
 public:
  explicit Keeper(RowLog* log = nullptr, std::size_t stop_after = SIZE_MAX)
      : log_(log), stop_after_(stop_after) {}
  void on_row(RowResult row) override {
    if (log_ != nullptr) log_->append(row);
    rows.push_back(std::move(row));
    if (rows.size() >= stop_after_) throw Error(ErrorKind::kInterrupted, "stopped");
  }
  void on_progress(const SuiteProgress& progress) override { last = progress; }
  std::vector<RowResult> rows;
  SuiteProgress last;

 private:
  RowLog* log_;
  std::size_t stop_after_;
};

std::vector<std::string> sorted_lines(const std::vector<RowResult>& rows) {
  std::vector<std::string> lines;
  for (const RowResult& row : rows) lines.push_back(to_json(row));
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<RowResult> run_whole(test::Script script, const std::set<RowKey>& done = {}) {
  ScriptedModel model = model_with(std::move(script));
  Keeper keeper;
  run_suite(model, config_for(model), done, keeper);
  return keeper.rows;
}

const RowResult& find_row(const std::vector<RowResult>& rows, const RowKey& key) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const RowResult& row) { return row.key == key; });
  if (found == rows.end()) throw std::logic_error("no such row");
  return *found;
}

TEST(Suite, RunsEveryRowOnce) {
  const std::vector<RowResult> rows = run_whole(perfect);
  // Two methods, two lengths, 6 rows of one task and all 5 of the other.
  ASSERT_EQ(rows.size(), 2U * 2 * (6 + 5));
  std::set<RowKey> keys;
  for (const RowResult& row : rows) keys.insert(row.key);
  EXPECT_EQ(keys.size(), rows.size());
  for (const RowResult& row : rows) {
    if (row.key.method != Method::kMemory) continue;
    EXPECT_EQ(row.outcome, Outcome::kRight) << row.row.id << ": " << row.response;
    EXPECT_EQ(row.sections, row.key.length / 200 + (row.row.tokens > row.key.length / 200 * 200));
    EXPECT_GT(row.prompt_tokens, row.row.tokens);
  }
}

TEST(Suite, MethodsAreComparedOnTheSameRows) {
  const std::vector<RowResult> rows = run_whole(forgetful);
  for (const RowResult& row : rows) {
    RowKey other = row.key;
    other.method = Method::kMemory;
    EXPECT_EQ(find_row(rows, other).row.question, row.row.question);
    EXPECT_EQ(find_row(rows, other).row.document_bytes, row.row.document_bytes);
  }
}

TEST(Suite, ARowDoesNotDependOnTheOthers) {
  const std::vector<RowResult> all = run_whole(forgetful);
  std::set<RowKey> done;
  for (const RowResult& row : all) done.insert(row.key);
  const RowKey one{Method::kMemory, "three", 1000, 4};
  done.erase(one);
  const std::vector<RowResult> alone = run_whole(forgetful, done);
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_EQ(to_json(alone[0]), to_json(find_row(all, one)));
}

TEST(Suite, StoppedAnywhereAndResumedIsTheSame) {
  const std::vector<std::string> expected = sorted_lines(run_whole(forgetful));
  // The script makes it worth comparing: some right, some not.
  EXPECT_THAT(expected, testing::Contains(HasSubstr("\"outcome\":\"right\"")));
  EXPECT_THAT(expected, testing::Contains(HasSubstr("\"outcome\":\"lost\"")));
  EXPECT_THAT(expected, testing::Contains(HasSubstr("\"outcome\":\"never_noted\"")));
  for (std::size_t stop_after = 1; stop_after <= expected.size(); ++stop_after) {
    const TemporaryFolder folder;
    std::vector<RowResult> rows;
    for (bool ended = false; !ended;) {
      RowLog log(folder.path("run"), "{}");
      rows.clear();
      std::set<RowKey> done;
      log.read([&](RowResult row) {
        done.insert(row.key);
        rows.push_back(std::move(row));
      });
      // Another order of replies each time.
      ScriptedModel model = model_with(forgetful, {}, rows.size());
      Keeper keeper(&log, stop_after);
      try {
        run_suite(model, config_for(model), done, keeper);
        ended = true;
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::kInterrupted) << error.what();
        ASSERT_EQ(keeper.rows.size(), stop_after);
      }
      rows.insert(rows.end(), keeper.rows.begin(), keeper.rows.end());
    }
    ASSERT_EQ(sorted_lines(rows), expected) << "stopped after " << stop_after;
  }
}

TEST(Suite, ARowThatFailsForGoodScoresZero) {
  const auto script = [](const GenerationRequest& request) -> Reply {
    const std::string text = text_of(request);
    if (text.find("one-9-1000-2?") != std::string::npos) return {.error = "it exploded"};
    return perfect(request);
  };
  const std::vector<RowResult> rows = run_whole(script);
  ASSERT_EQ(rows.size(), 44U);
  const RowResult& failed = find_row(rows, {Method::kMemory, "one", 1000, 2});
  EXPECT_EQ(failed.outcome, Outcome::kFailed);
  EXPECT_EQ(failed.verdict.score, 0);
  EXPECT_THAT(failed.error, HasSubstr("it exploded"));
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                          [](const RowResult& row) { return row.outcome == Outcome::kFailed; }),
            2);  // with either method
  const Plan plan{{Method::kMemory}, {"one"}, {1000}};
  const std::vector<Cell> cells = cells_of(plan, rows, 1);
  EXPECT_EQ(cells[0].n, 6);
  EXPECT_DOUBLE_EQ(cells[0].score->mean, 5.0 / 6);
  EXPECT_EQ(cells[0].outcomes.at(Outcome::kFailed), 1);
}

TEST(Suite, TheLastRowsMayFailToo) {
  const auto script = [](const GenerationRequest& request) -> Reply {
    const std::string text = text_of(request);
    if (text.find("three-9-1000-") != std::string::npos) return {.error = "it exploded"};
    return perfect(request);
  };
  const std::vector<RowResult> rows = run_whole(script);
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                          [](const RowResult& row) { return row.outcome == Outcome::kFailed; }),
            2 * 5);
}

// Rows that nobody answered are not wrong answers: the run ends, and they are still to be done.
TEST(Suite, AModelThatIsGoneEndsTheRun) {
  const std::vector<std::string> expected = sorted_lines(run_whole(forgetful));
  for (const std::size_t dies_at : {0, 1, 40, 100, 131}) {
    std::size_t asked = 0;
    ScriptedModel model = model_with([&](const GenerationRequest& request) -> Reply {
      if (asked++ >= dies_at) return {.error = "connection refused"};
      return forgetful(request);
    });
    Keeper keeper;
    std::optional<Error> error;
    try {
      run_suite(model, config_for(model), {}, keeper);
    } catch (const Error& caught) {
      error = caught;
    }
    ASSERT_TRUE(error.has_value()) << dies_at;
    EXPECT_EQ(error->kind(), ErrorKind::kModel);
    EXPECT_THAT(error->what(), HasSubstr("connection refused"));
    std::set<RowKey> done;
    for (const RowResult& row : keeper.rows) {
      EXPECT_NE(row.outcome, Outcome::kFailed) << row.row.id;
      done.insert(row.key);
    }
    std::vector<RowResult> rows = run_whole(forgetful, done);
    rows.insert(rows.end(), keeper.rows.begin(), keeper.rows.end());
    EXPECT_EQ(sorted_lines(rows), expected) << dies_at;
  }
}

TEST(Suite, AQuestionThatCannotBeAskedFailsAlone) {
  ScriptedModel model = model_with(perfect);
  SuiteConfig config = config_for(model);
  config.lengths = {1000};
  config.tasks = {test::fact_task({.name = "one"}),
                  test::fact_task({.name = std::string(90, 'x')})};
  Keeper keeper;
  run_suite(model, config, {}, keeper);
  ASSERT_EQ(keeper.rows.size(), 24U);
  for (const RowResult& row : keeper.rows) {
    EXPECT_EQ(row.outcome == Outcome::kFailed, row.key.task != "one") << row.key.task;
    if (row.key.task != "one") {
      EXPECT_THAT(row.error, HasSubstr("the question is"));
    }
  }
}

TEST(Suite, BaselinesFillTheirWindow) {
  ScriptedModel model = model_with(perfect);
  SuiteConfig config = config_for(model);
  config.tasks = {test::fact_task({.name = "one"})};
  config.lengths = {400, 3000};
  config.samples = {3};
  config.methods = {Method::kFull, Method::kTruncate, Method::kTruncateMiddle, Method::kRetrieve};
  Keeper keeper;
  run_suite(model, config, {}, keeper);
  ASSERT_EQ(keeper.rows.size(), 24U);
  for (const GenerationRequest& request : model.submitted()) {
    EXPECT_LE(request.prompt.tokens.size() + static_cast<std::size_t>(request.max_tokens),
              static_cast<std::size_t>(config.window_tokens));
    EXPECT_THAT(text_of(request), HasSubstr("<document>"));
  }
  const auto prompt_tokens = [&](Method method, std::int64_t length) {
    return find_row(keeper.rows, {method, "one", length, 0}).prompt_tokens;
  };
  // The short document is shown whole by every method; of the long one as much as fits.
  for (const Method method : {Method::kTruncate, Method::kTruncateMiddle}) {
    EXPECT_EQ(prompt_tokens(method, 400), prompt_tokens(Method::kFull, 400));
    EXPECT_EQ(prompt_tokens(method, 3000), config.window_tokens - config.episode.output_tokens);
  }
  EXPECT_GT(prompt_tokens(Method::kRetrieve, 3000), 600);
  // A window that does not hold the document has no score, rather than a bad one.
  EXPECT_EQ(find_row(keeper.rows, {Method::kFull, "one", 400, 0}).outcome, Outcome::kRight);
  EXPECT_EQ(find_row(keeper.rows, {Method::kFull, "one", 3000, 0}).outcome, Outcome::kTooLong);
  const Plan plan{config.methods, {"one"}, config.lengths};
  const std::vector<Cell> cells = cells_of(plan, keeper.rows, 1);
  EXPECT_TRUE(cells[0].score.has_value());
  EXPECT_FALSE(cells[1].score.has_value());
  // Retrieval finds the line with the question's words.
  EXPECT_EQ(find_row(keeper.rows, {Method::kRetrieve, "one", 3000, 0}).outcome, Outcome::kRight);
}

TEST(Suite, TracesAreKeptAsAsked) {
  for (const Traces traces : {Traces::kNone, Traces::kFailed, Traces::kAll}) {
    ScriptedModel model = model_with(forgetful);
    SuiteConfig config = config_for(model);
    config.methods = {Method::kMemory};
    config.traces = traces;
    Keeper keeper;
    run_suite(model, config, {}, keeper);
    for (const RowResult& row : keeper.rows) {
      const bool wanted =
          traces == Traces::kAll || (traces == Traces::kFailed && row.outcome != Outcome::kRight);
      EXPECT_EQ(row.trace.empty(), !wanted) << to_string(traces) << " " << row.row.id;
      if (row.trace.empty()) continue;
      EXPECT_EQ(static_cast<std::int64_t>(row.trace.size()), row.sections);
      std::string memory = default_prompts().empty_memory;
      for (const TraceStep& step : row.trace) {
        EXPECT_NE(step.memory, memory);  // only where it changed
        memory = step.memory.value_or(memory);
      }
    }
  }
}

// A reader that notes facts alone changes nothing else; one that writes down how many letters it
// has seen changes its memory at every section.
TEST(Suite, UpdatesWithoutEvidenceAreCounted) {
  const auto restless = [](const GenerationRequest& request) {
    const std::string prompt = text_of(request);
    return Reply{.text = test::reader_reply(prompt, false) + "\nseen " +
                         std::to_string(std::hash<std::string>()(prompt) % 1000)};
  };
  for (const bool notes_facts_alone : {true, false}) {
    std::int64_t without = 0;
    for (const RowResult& row :
         run_whole(notes_facts_alone ? test::Script(perfect) : test::Script(restless))) {
      SCOPED_TRACE(row.row.id);
      if (row.key.method != Method::kMemory) {
        EXPECT_EQ(row.sections_without_evidence, 0);
        continue;
      }
      std::set<std::int64_t> with;  // no fact of the task stands in two sections
      for (const Evidence& fact : row.row.evidence) {
        for (const TraceStep& step : row.trace) {
          if (step.byte_begin <= fact.byte_begin && fact.byte_begin < step.byte_end) {
            with.insert(step.section_index);
          }
        }
      }
      EXPECT_EQ(row.sections_without_evidence, row.sections - std::ssize(with));
      // The one that notes facts alone has words of its own for none, once.
      const std::int64_t words_for_none = with.contains(0) ? 0 : 1;
      EXPECT_EQ(row.false_updates,
                notes_facts_alone ? words_for_none : row.sections_without_evidence);
      without += row.sections_without_evidence;
    }
    EXPECT_GT(without, 20);
  }
}

TEST(Suite, CountsProgress) {
  ScriptedModel model = model_with(perfect);
  const SuiteConfig config = config_for(model);
  Keeper keeper;
  run_suite(model, config, {{Method::kMemory, "one", 500, 0}}, keeper);
  EXPECT_EQ(keeper.last.rows, 44);
  EXPECT_EQ(keeper.last.rows_done, 44);
  // Documents of 500 and 1,000 tokens, 11 rows of each; with the memory whole, else 1,000 at most.
  EXPECT_DOUBLE_EQ(keeper.last.work, 2 * 11 * (500 + 1000));
  EXPECT_NEAR(keeper.last.work_done, keeper.last.work, 1e-6);
  EXPECT_DOUBLE_EQ(keeper.last.work_resumed, 500);
}

// Every moment belongs to the rows under way, in equal parts.
TEST(Suite, SharesOfTimeAddUp) {
  ScriptedModel model = model_with(perfect);
  SuiteConfig config = config_for(model);
  double now = 100;
  config.clock = [&] { return now += 1; };
  Keeper keeper;
  run_suite(model, config, {}, keeper);
  double sum = 0;
  for (const RowResult& row : keeper.rows) {
    EXPECT_GT(row.seconds, 0);
    sum += row.seconds;
  }
  // The clock is looked at when the run begins (101), before rows are opened (102), when the first
  // row begins (103), and when rows begin and end after that; rows are under way all the time.
  EXPECT_NEAR(sum, now - 103, 1e-6);
}

// Calls back before each sample is made.
class WatchedTask : public Task {
 public:
  explicit WatchedTask(std::function<void()> on_sample) : on_sample_(std::move(on_sample)) {}
  const std::string& name() const override { return task_->name(); }
  const std::string& description() const override { return task_->description(); }
  std::int64_t size() const override { return task_->size(); }
  std::int64_t fewest_tokens(const Tokenizer& t) const override { return task_->fewest_tokens(t); }
  std::int64_t answer_tokens() const override { return task_->answer_tokens(); }
  std::unique_ptr<Sample> sample(const SampleSpec& spec,
                                 const std::shared_ptr<const Tokenizer>& tokenizer) const override {
    on_sample_();
    return task_->sample(spec, tokenizer);
  }

 private:
  std::shared_ptr<const Task> task_ = test::fact_task();
  std::function<void()> on_sample_;
};

// Opening all the rows there is room for, each a long document, kept the model waiting for minutes.
TEST(Suite, TheModelIsAskedBeforeEveryDocumentIsRead) {
  ScriptedModel model = model_with(perfect);
  SuiteConfig config = config_for(model);
  config.methods = {Method::kTruncate};
  config.lengths = {1000};
  int samples = 0;
  double now = 0;
  config.clock = [&] { return now; };
  config.tasks = {std::make_shared<WatchedTask>([&] {
    ++samples;
    now += 1;
  })};
  int samples_before_first_wait = 0;
  model.on_wait = [&] {
    if (samples_before_first_wait == 0) samples_before_first_wait = samples;
  };
  Keeper keeper;
  run_suite(model, config, {}, keeper);
  EXPECT_EQ(samples_before_first_wait, 1);
  EXPECT_EQ(keeper.rows.size(), 6U);
}

TEST(Suite, AStopIsHeardWhileRowsAreOpened) {
  for (const int stop_at : {1, 2, 4}) {
    ScriptedModel model = model_with(perfect);
    SuiteConfig config = config_for(model);
    std::atomic<bool> stop{false};
    int samples = 0;
    config.runner.stop = &stop;
    config.tasks = {std::make_shared<WatchedTask>([&] {
      if (++samples == stop_at) stop = true;
    })};
    config.methods = {Method::kTruncate};
    Keeper keeper;
    std::optional<Error> error;
    try {
      run_suite(model, config, {}, keeper);
    } catch (const Error& caught) {
      error = caught;
    }
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->kind(), ErrorKind::kInterrupted);
    EXPECT_EQ(samples, stop_at);
  }
}

TEST(Suite, RefusesWhatCannotBe) {
  ScriptedModel model = model_with(perfect);
  Keeper keeper;
  const auto refusal = [&](const SuiteConfig& config) -> std::string {
    try {
      run_suite(model, config, {}, keeper);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  SuiteConfig config = config_for(model);
  config.lengths = {99};
  EXPECT_THAT(refusal(config),
              HasSubstr("99 tokens are too few for one, which needs at least 100"));
  config = config_for(model);
  config.window_tokens = 0;
  EXPECT_THAT(refusal(config), HasSubstr("--method truncate"));
  config.window_tokens = 300;
  EXPECT_THAT(refusal(config), HasSubstr("has no room for a document"));
}

}  // namespace
}  // namespace memagent
