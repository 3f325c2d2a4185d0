// Runs a suite: methods x tasks x lengths, n rows each, with many rows under way at once over one
// model.
//
// Rows are opened as others end, a bounded number at a time, in an order that depends on the suite
// alone: lengths ascending, then tasks, rows, methods. A row's document, question and random draws
// are functions of (seed, task, length, index), so methods are compared on the same rows, and a row
// comes out the same whatever else is run.
//
// What fails: a row whose generations fail for good scores 0 and is counted as failed, but not
// while nobody knows whether the model is still there. After a failure no new row is begun, and the
// model is asked for a word; when it answers that, or anything else, the failures stand. When it
// does not, the run ends with Error(kModel), and those rows are still to be done.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "eval/method.h"
#include "eval/row_result.h"
#include "memagent/runner.h"
#include "task/task.h"

namespace memagent {

// Whose traces are kept.
enum class Traces { kNone, kFailed, kAll };
const char* to_string(Traces traces);
Traces parse_traces(const std::string& name);  // throws Error(kUsage) listing the choices

struct SuiteConfig {
  std::vector<std::shared_ptr<const Task>> tasks;
  std::vector<std::int64_t> lengths;  // ascending
  std::vector<Method> methods;
  // Rows of each task, for each of `lengths`, or one number for all of them; fewer where the task
  // has fewer.
  std::vector<std::int64_t> samples;
  EpisodeConfig episode;  // of Method::kMemory; its sampling seed is the suite's
  Cut cut = Cut::kNatural;
  std::shared_ptr<const PromptRenderer> renderer;
  std::shared_ptr<const PromptRenderer> baseline_renderer;  // of baseline_prompts()
  std::int32_t window_tokens = 0;  // of the other methods; must be known for them
  Traces traces = Traces::kFailed;
  VerifierOptions verifier;
  RunnerOptions runner;
  // Seconds on a steady clock.
  std::function<double()> clock;
};

// Throws Error(kUsage) for a length that a task cannot have, and for methods without a window.
void validate(const SuiteConfig& config);
// All rows of the suite, in the order in which they are begun.
std::vector<RowKey> rows_of(const SuiteConfig& config);

struct SuiteProgress {
  std::int64_t rows = 0;         // of the suite
  std::int64_t rows_done = 0;    // of this run and those before it
  std::int64_t rows_failed = 0;  // of this run
  std::int64_t tokens = 0;       // of documents, read in this run
  double work = 0;               // tokens that the whole suite reads, about
  double work_done = 0;
  double work_resumed = 0;  // of which runs before this one did
};

class SuiteObserver {
 public:
  virtual ~SuiteObserver() = default;
  // A row has ended. `result` stands for good: keep it before anything else.
  virtual void on_row(RowResult result) = 0;
  virtual void on_progress(const SuiteProgress& progress);
};

// Rows in `done` are not run again. RowResult::seconds is the row's share of the time: each moment
// is divided equally among the rows under way, so that shares add up to the run's.
void run_suite(LanguageModel& model, const SuiteConfig& config, const std::set<RowKey>& done,
               SuiteObserver& observer);

}  // namespace memagent
