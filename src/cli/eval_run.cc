// Runs `memagent eval`: settles what is asked, opens the model and the log of rows, lets the suite
// run, reports.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/eval_options.h"
#include "cli/eval_table.h"
#include "cli/interrupt.h"
#include "cli/lengths.h"
#include "cli/overwriting.h"
#include "cli/say.h"
#include "cli/surroundings.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "eval/baseline.h"
#include "eval/cells.h"
#include "eval/report_html.h"
#include "eval/report_json.h"
#include "eval/row_log.h"
#include "eval/suite.h"
#include "fetch/catalogue.h"
#include "format/atomic_file.h"
#include "task/data_set.h"
#include "task/registry.h"

namespace memagent {
namespace {

using nlohmann::json;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Without what was named twice, in the order of first mention.
template <typename T>
void add_once(std::vector<T>& list, T value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

VerifierOptions::Metric parse_metric(const std::string& name) {
  using Metric = VerifierOptions::Metric;
  if (name.empty() || name == "containment") return Metric::kContainment;
  if (name == "exact-match") return Metric::kExactMatch;
  if (name == "f1") return Metric::kF1;
  fail(ErrorKind::kUsage, "--metric: unknown '{}': choose containment, exact-match or f1", name);
}

std::int64_t parse_document_length(const std::string& text) {
  const std::int64_t length = parse_length("--lengths", text);
  if (length < 1) fail(ErrorKind::kUsage, "--lengths: a document has at least 1 token");
  return length;
}

// The rows of the plan that are there, and as many of their traces as a report shows.
class Rows {
 public:
  void add(RowResult row) {
    auto& traced = traced_[{row.key.method, row.key.task, row.key.length}];
    if (!row.trace.empty()) {
      // Those of the lowest indices, whichever ended first.
      traced.emplace(row.key.index, rows_.size());
      if (traced.size() > kTracesOfCell) {
        const auto last = std::prev(traced.end());
        std::vector<TraceStep>& trace =
            last->second == rows_.size() ? row.trace : rows_[last->second].trace;
        trace = {};
        traced.erase(last);
      }
    }
    rows_.push_back(std::move(row));
  }

  const std::vector<RowResult>& rows() const { return rows_; }

  // In the order of the plan.
  void sort(const Plan& plan) {
    const auto place = [](const auto& list, const auto& value) {
      return std::find(list.begin(), list.end(), value) - list.begin();
    };
    const auto order = [&](const RowResult& row) {
      return std::tuple(place(plan.methods, row.key.method), place(plan.tasks, row.key.task),
                        row.key.length, row.key.index);
    };
    std::sort(rows_.begin(), rows_.end(),
              [&](const RowResult& a, const RowResult& b) { return order(a) < order(b); });
  }

 private:
  static constexpr std::size_t kTracesOfCell = 3;
  std::vector<RowResult> rows_;
  std::map<std::tuple<Method, std::string, std::int64_t>, std::map<std::int64_t, std::size_t>>
      traced_;
};

class EvalRun : public SuiteObserver {
 public:
  explicit EvalRun(EvalOptions options) : options_(std::move(options)) {}

  int run() {
    settle_suite();
    settle(options_.model);
    use_model_notes(options_.reading, options_.model);
    const PromptSet prompts = read_prompts(options_.reading);
    if (!options_.json.empty() && options_.json != "-") json_file_.emplace(options_.json);
    if (!options_.html.empty()) {
      report_html("{}");  // throws now, not after hours, where there are no web pages
      html_file_.emplace(options_.html);
    }

    Interrupt interrupt;
    model_ = open_model(options_.model, model_use(options_.reading));
    config_.renderer = make_renderer(prompts, options_.reading, *model_);
    config_.baseline_renderer = make_renderer(baseline_prompts(prompts), options_.reading, *model_);
    config_.episode = resolve(options_.reading, model_->capabilities(), *config_.renderer);
    config_.cut = *options_.reading.settings.cut;
    config_.window_tokens = *options_.reading.settings.window_tokens;
    config_.runner.max_in_flight = options_.model.max_in_flight;
    config_.runner.stop = interrupt.flag();
    config_.clock = steady_seconds;
    validate(config_);

    open_log();
    run_rows(interrupt);
    report();
    return 0;
  }

  void on_row(RowResult row) override {
    if (log_) log_->append(row);
    rows_.add(std::move(row));
  }

  void on_progress(const SuiteProgress& progress) override {
    if (options_.quiet || !on_terminal_) return;
    const double now = steady_seconds();
    if (now - last_drawn_ < 0.1) return;
    last_drawn_ = now;
    ProgressState state;
    state.tokens = progress.tokens;
    state.seconds = now - started_;
    state.fraction = progress.work > 0 ? progress.work_done / progress.work : 1;
    state.fraction_resumed = progress.work > 0 ? progress.work_resumed / progress.work : 0;
    std::string line =
        fmt::format("{} of {} rows", grouped(progress.rows_done), grouped(progress.rows));
    if (progress.rows_failed > 0) line += fmt::format(", {} failed", grouped(progress.rows_failed));
    const int width = terminal_width(STDERR_FILENO) - 1;
    line += "  " + progress_line(state, width - static_cast<int>(line.size()) - 2);
    say("\r{}\x1B[K", line);
    std::fflush(stderr);
    drawn_ = true;
  }

 private:
  void settle_suite() {
    if (!options_.distractors.empty() && options_.data.empty()) {
      fail(ErrorKind::kUsage, "--distractors: they pad a data set: name it with --data");
    }
    if (options_.tasks.empty() && options_.data.empty()) options_.tasks = {"ruler"};
    if (options_.lengths.empty()) options_.lengths = {"8K"};
    if (options_.methods.empty()) options_.methods = {to_string(Method::kMemory)};
    for (const auto& task : find_tasks(options_.tasks, {.haystack_file = options_.haystack})) {
      add_task(task);
    }
    if (!options_.data.empty()) options_.data = data_file(options_.data);
    check_outputs();
    if (!options_.data.empty()) read_data();
    settle_lengths();
    for (const std::string& name : options_.methods) add_once(plan_.methods, parse_method(name));
    config_.methods = plan_.methods;
    config_.verifier.metric = parse_metric(options_.metric);
    config_.traces = options_.traces.empty() ? Traces::kFailed : parse_traces(options_.traces);
  }

  // Ascending, each with its number of rows.
  void settle_lengths() {
    const std::vector<std::int64_t>& samples = options_.samples;
    if (samples.size() != 1 && samples.size() != options_.lengths.size()) {
      fail(ErrorKind::kUsage, "--samples: {} numbers for {} lengths: give one, or one for each",
           samples.size(), options_.lengths.size());
    }
    std::map<std::int64_t, std::int64_t> rows;
    for (std::size_t i = 0; i < options_.lengths.size(); ++i) {
      rows.emplace(parse_document_length(options_.lengths[i]),
                   samples.size() == 1 ? samples.front() : samples[i]);
    }
    if (samples.size() == 1) config_.samples = samples;
    for (const auto& [length, count] : rows) {
      config_.lengths.push_back(length);
      if (samples.size() > 1) config_.samples.push_back(count);
    }
    plan_.lengths = config_.lengths;
  }

  void add_task(const std::shared_ptr<const Task>& task) {
    if (std::find(plan_.tasks.begin(), plan_.tasks.end(), task->name()) != plan_.tasks.end()) {
      fail(ErrorKind::kUsage, "--data: {}: its rows are of {}, as are those of --tasks: choose one",
           options_.data, task->name());
    }
    config_.tasks.push_back(task);
    head_.tasks.emplace_back(task->name(), task->description());
    plan_.tasks.push_back(task->name());
  }

  // A name of the catalogue stands for the file that was fetched.
  static std::string data_file(const std::string& data) {
    std::error_code error;
    if (std::filesystem::exists(data, error)) return data;
    const CatalogueEntry* entry = find_entry(data);
    if (entry == nullptr) {
      fail(ErrorKind::kBadInput,
           "--data: {}: is neither a file nor a data set's name: see memagent data list", data);
    }
    std::string path = default_data_folder() + "/" + std::string(entry->file);
    if (!std::filesystem::exists(path, error)) {
      fail(ErrorKind::kBadInput, "--data: {} is not here: memagent data fetch {} gets it", data,
           data);
    }
    if (!entry->by_hand.empty()) {
      fail(ErrorKind::kUsage, "--data: {} is an archive: {}, and give one of its files: {}", data,
           entry->by_hand, path);
    }
    return path;
  }

  void check_outputs() const {
    std::vector<UsedFile> read = files_of(options_.model);
    read.push_back({"--data", options_.data});
    for (const std::string& path : options_.distractors) read.push_back({"--distractors", path});
    read.push_back({"--haystack", options_.haystack});
    read.push_back({"--prompts", options_.reading.prompts});
    const UsedFile report{"--json", options_.json == "-" ? "" : options_.json};
    const UsedFile html{"--html", options_.html};
    refuse_overwriting(report, read);
    refuse_overwriting(html, read);
    refuse_same_output(html, report);
  }

  void read_data() {
    const DataSet set =
        read_data_set({.path = options_.data, .distractor_files = options_.distractors});
    add_task(set.task);
    if (options_.quiet) return;
    for (const std::string& warning : set.warnings) {
      say("memagent: {}\n", harmless(warning));
    }
  }

  // What a row depends on. Which rows there are may change from run to run: more samples, lengths,
  // tasks or methods find the rows that are there already. Made once: it reads whole files.
  const json& settings() {
    if (settings_.is_null()) settings_ = make_settings();
    return settings_;
  }

  json make_settings() const {
    json settings = json::parse(to_json(options_.reading.settings));
    settings["memagent"] = kVersion;
    settings["model"] = model_identity(options_.model, model_.get());
    settings["prompts"] = file_identity(options_.reading.prompts, "built in");
    settings["metric"] = options_.metric.empty() ? "containment" : options_.metric;
    settings["haystack"] = file_identity(options_.haystack, "generated");
    if (!options_.data.empty()) {
      settings["data"] = file_identity(options_.data, "");
      json& distractors = settings["distractors"] = json::array();
      for (const std::string& path : options_.distractors) {
        distractors.push_back(file_identity(path, ""));
      }
    }
    if (!options_.model.local()) {
      settings["api"] = options_.model.api.empty() ? "chat" : options_.model.api;
      settings["request_fields"] = options_.model.request_fields;
      settings["tokenizer"] = file_identity(options_.model.tokenizer, "the server's");
    }
    // A served model's name need not be UTF-8.
    return json::parse(settings.dump(-1, ' ', false, json::error_handler_t::replace));
  }

  void open_log() {
    if (options_.out.empty()) return;
    log_.emplace(options_.out, settings().dump());
    const std::vector<RowKey> wanted = rows_of(config_);
    const std::set<RowKey> plan(wanted.begin(), wanted.end());
    log_->read([&](RowResult row) {
      if (plan.contains(row.key) && done_.insert(row.key).second) rows_.add(std::move(row));
    });
  }

  void run_rows(Interrupt& interrupt) {
    interrupt.set_model(model_.get());
    started_ = steady_seconds();
    try {
      run_suite(*model_, config_, done_, *this);
    } catch (const Error& error) {
      interrupt.set_model(nullptr);
      clear();
      throw with_advice(error);
    }
    interrupt.set_model(nullptr);
    clear();
  }

  // What has been kept, and how to go on.
  Error with_advice(const Error& error) const {
    const std::string rows =
        fmt::format("{} of {} rows", grouped(static_cast<std::int64_t>(rows_.rows().size())),
                    grouped(static_cast<std::int64_t>(rows_of(config_).size())));
    const bool interrupted = error.kind() == ErrorKind::kInterrupted;
    const std::string what = interrupted ? "interrupted" : error.what();
    if (log_) {
      return {error.kind(), fmt::format("{}: {} keeps {}: to go on, run the same command again",
                                        what, log_->folder(), rows)};
    }
    if (!interrupted) return error;
    return {error.kind(), fmt::format("interrupted after {}: nothing is kept: use --out FOLDER to "
                                      "be able to go on",
                                      rows)};
  }

  void report() {
    rows_.sort(plan_);
    const std::uint64_t seed = config_.episode.sampling.seed;
    const std::vector<Cell> cells = cells_of(plan_, rows_.rows(), seed);
    const std::vector<Difference> differences = differences_of(plan_, rows_.rows(), cells, seed);
    if (!options_.json.empty() || html_file_) {
      const std::string text = report_as_json(cells, differences);
      if (json_file_) write(*json_file_, text);
      if (html_file_) write(*html_file_, report_html(text));
      if (options_.json == "-") write_output(text);
    }
    if (options_.json == "-") return;
    const int width = std::min(terminal_width(STDOUT_FILENO), 100);
    write_output(fmt::format("{}\n\n{}", harmless(model_->capabilities().name),
                             eval_table(plan_, cells, differences, width)));
  }

  std::string report_as_json(const std::vector<Cell>& cells,
                             const std::vector<Difference>& differences) {
    head_.version = kVersion;
    head_.commit = kCommit;
    head_.machine =
        fmt::format("{}, {} cores", processor_name(), std::thread::hardware_concurrency());
    head_.date = date_now();
    head_.model = model_->capabilities().name;
    json all = settings();
    all["lookahead"] = config_.episode.lookahead;
    all["samples"] =
        config_.samples.size() == 1 ? json(config_.samples.front()) : json(config_.samples);
    all["traces"] = to_string(config_.traces);
    head_.settings_json = all.dump();
    for (const RowResult& row : rows_.rows()) head_.seconds += row.seconds;
    return report_json(head_, plan_, cells, differences, rows_.rows());
  }

  static void write(AtomicFile& file, const std::string& text) {
    file.write(text);
    file.commit();
  }

  void clear() {
    if (!std::exchange(drawn_, false)) return;
    say("\r\x1B[K");
    std::fflush(stderr);
  }

  EvalOptions options_;
  SuiteConfig config_;
  Plan plan_;
  ReportHead head_;
  std::unique_ptr<LanguageModel> model_;
  json settings_;  // null until asked for
  std::optional<RowLog> log_;
  std::optional<AtomicFile> json_file_;
  std::optional<AtomicFile> html_file_;
  std::set<RowKey> done_;
  Rows rows_;
  bool on_terminal_ = ::isatty(STDERR_FILENO) != 0;
  bool drawn_ = false;
  double started_ = 0;
  double last_drawn_ = 0;
};

}  // namespace

int run_eval(EvalOptions options) { return EvalRun(std::move(options)).run(); }

}  // namespace memagent
