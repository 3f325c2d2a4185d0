#include "eval/suite.h"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/random.h"
#include "eval/baseline.h"
#include "eval/failure.h"
#include "memagent/language_model.h"

namespace memagent {
namespace {

// Of the config's `length`th length.
std::int64_t rows_in(const SuiteConfig& config, const Task& task, std::size_t length) {
  const std::int64_t wanted =
      config.samples.size() == 1 ? config.samples.front() : config.samples.at(length);
  return task.size() < 0 ? wanted : std::min(wanted, task.size());
}

// Tokens that the model reads for a row, about: what progress is measured in.
double work_of(const SuiteConfig& config, const RowKey& key) {
  const std::int64_t length = std::max<std::int64_t>(key.length, 1);
  if (key.method == Method::kMemory) return static_cast<double>(length) * config.episode.passes;
  return static_cast<double>(std::min<std::int64_t>(length, config.window_tokens));
}

// Time, and each row's share of it: A(t) is the integral of 1 / (rows under way), and a row's share
// is how much it grew while the row was.
class SharedClock {
 public:
  explicit SharedClock(const std::function<double()>& now) : now_(now), last_(now()) {}

  // Both give A(now).
  double enter() {
    advance();
    ++rows_;
    return shares_;
  }
  double leave() {
    advance();
    --rows_;
    return shares_;
  }

 private:
  void advance() {
    const double now = now_();
    if (rows_ > 0) shares_ += (now - last_) / static_cast<double>(rows_);
    last_ = now;
  }

  const std::function<double()>& now_;
  double last_;
  double shares_ = 0;
  std::int64_t rows_ = 0;
};

// A row under way.
struct OpenRow {
  RowResult result;
  std::shared_ptr<const Sample> sample;
  std::unique_ptr<SectionReader> reader;  // of Method::kMemory
  std::unique_ptr<Episode> episode;
  std::unique_ptr<MemoryWatch> watch;  // borrows sample's row
  bool knows_places = false;           // of its evidence
  std::string memory;                  // after the last update
  std::int64_t tokens_read = 0;
  double shares_before = 0;
};

class SuiteRun final : public RunObserver {
 public:
  SuiteRun(LanguageModel& model, const SuiteConfig& config, const std::set<RowKey>& done,
           SuiteObserver& observer)
      : model_(model),
        config_(config),
        observer_(observer),
        runner_(model, config.runner),
        clock_(config.clock),
        nothing_(text_source(""), model.tokenizer(), SectionOptions{}) {
    nothing_number_ = runner_.add_document(nothing_);
    for (RowKey& key : rows_of(config)) {
      const double work = work_of(config, key);
      progress_.work += work;
      ++progress_.rows;
      if (done.contains(key)) {
        progress_.work_resumed += work;
        ++progress_.rows_done;
      } else {
        to_do_.push_back(std::move(key));
      }
    }
    progress_.work_done = progress_.work_resumed;
    for (const auto& task : config.tasks) tasks_.emplace(task->name(), task);
    const std::int32_t requests = config.runner.max_in_flight > 0 ? config.runner.max_in_flight
                                                                  : model.capabilities().parallel;
    // Enough that the model stays busy while rows are opened and answered.
    most_open_ = static_cast<std::size_t>(std::max(1, requests + requests / 4));
  }

  void run() {
    open_rows();
    runner_.run(*this);
    if (stopped() && !to_do_.empty()) {
      fail(ErrorKind::kInterrupted, "stopped before the end; rows that have ended are kept");
    }
    MEMAGENT_CHECK(to_do_.empty() && open_.empty() && held_.empty(), "{} rows were not run",
                   to_do_.size() + open_.size() + held_.size());
  }

  void on_conversation(std::size_t number, const Episode& episode,
                       const Conversation& conversation) override {
    // Whatever answers, the model is there.
    for (RowResult& result : std::exchange(held_, {})) finish(std::move(result));
    const auto found = open_.find(number);
    if (found == open_.end()) return;
    OpenRow& row = found->second;
    const std::int64_t read = episode.state().document_tokens - row.tokens_read;
    row.tokens_read += read;
    progress_.tokens += read;
    progress_.work_done += static_cast<double>(read);
    if (conversation.kind == ConversationKind::kUpdate) take_update(row, conversation);
    open_rows();
  }

  void on_finished(std::size_t number, const Episode& episode) override {
    const auto found = open_.find(number);
    if (found == open_.end()) {
      word_is_out_ = false;
    } else {
      OpenRow row = close(found);
      take_answer(row, episode);
      finish(std::move(row.result));
    }
    open_rows();
  }

  AfterFailure on_failed(std::size_t number, const Episode& episode, const Error& error) override {
    const auto found = open_.find(number);
    if (found == open_.end()) {
      // The word asked for did not come either. Unless something else has, the model is gone.
      word_is_out_ = false;
      if (!held_.empty()) return AfterFailure::kEndRun;
      open_rows();
      return AfterFailure::kEndEpisode;
    }
    if (error.kind() == ErrorKind::kBadInput) return AfterFailure::kEndRun;
    OpenRow row = close(found);
    take_costs(row.result, episode.state());
    if (row.watch) row.result.evidence = row.watch->result();
    retired_.push_back(std::move(row));  // the runner still looks at the episode
    RowResult& result = retired_.back().result;
    result.error = error.what();
    held_.push_back(std::move(result));
    ask_for_a_word();
    return AfterFailure::kEndEpisode;
  }

  void on_tick() override {
    open_rows();
    observer_.on_progress(progress_);
  }

 private:
  using OpenRows = std::unordered_map<std::size_t, OpenRow>;

  // At least one row while there is room, and more for a moment only: a baseline reads its whole
  // document before it asks anything, and meanwhile the model would wait.
  void open_rows() {
    constexpr double kMoment = 0.05;
    retired_.clear();
    if (to_do_.empty()) return;
    const double begin = config_.clock();
    bool opened = false;
    while (held_.empty() && !to_do_.empty() && open_.size() < most_open_ && !stopped()) {
      if (opened && config_.clock() - begin > kMoment) return;
      const RowKey key = std::move(to_do_.front());
      to_do_.pop_front();
      const std::size_t before = open_.size();
      open(key);
      opened = opened || open_.size() > before;
    }
  }

  bool stopped() const {
    const std::atomic<bool>* stop = config_.runner.stop;
    return stop != nullptr && stop->load(std::memory_order_relaxed);
  }

  // The methods of one row come one after another, and share its sample.
  std::shared_ptr<const Sample> sample_of(const RowKey& key) {
    RowKey any_method = key;
    any_method.method = Method::kMemory;
    if (!last_sample_ || last_key_ != any_method) {
      const SampleSpec spec{.tokens = key.length,
                            .seed = config_.episode.sampling.seed,
                            .split = Split::kTest,
                            .index = key.index};
      last_sample_ = tasks_.at(key.task)->sample(spec, model_.tokenizer());
      last_key_ = any_method;
    }
    return last_sample_;
  }

  void open(const RowKey& key) {
    OpenRow row;
    row.sample = sample_of(key);
    row.result.key = key;
    row.result.row = row.sample->row();
    row.result.row.task = key.task;
    row.result.evidence.resize(row.result.row.evidence.size());
    EpisodeConfig config = config_.episode;
    Hash64 id;
    id.update(row.result.row.id);
    config.sampling.seed = derive(config.sampling.seed, id.value());
    row.shares_before = clock_.enter();
    try {
      if (!begin(row, config)) return give_up(std::move(row), Outcome::kTooLong);
    } catch (const Error& error) {
      // The row cannot be asked (a question longer than its budget).
      if (error.kind() != ErrorKind::kUsage) throw;
      row.result.error = error.what();
      return give_up(std::move(row), Outcome::kFailed);
    }
    const std::size_t document = row.reader ? runner_.add_document(*row.reader) : nothing_number_;
    const std::size_t number = runner_.add_episode(*row.episode, document);
    open_.emplace(number, std::move(row));
  }

  // False if the method cannot be had for this row.
  bool begin(OpenRow& row, const EpisodeConfig& config) {
    const Row& what = row.sample->row();
    if (row.result.key.method == Method::kMemory) {
      row.watch = std::make_unique<MemoryWatch>(what);
      row.knows_places = has_places(what);
      row.memory = config_.renderer->prompts().empty_memory;
      row.reader = std::make_unique<SectionReader>(
          row.sample->document(), model_.tokenizer(),
          SectionOptions{.section_tokens = config.section_tokens, .cut = config_.cut});
      row.episode = std::make_unique<Episode>(config, config_.renderer, what.question);
      return true;
    }
    const auto& renderer = config_.baseline_renderer;
    std::optional<TokenText> shown =
        text_shown(row.result.key.method, *row.sample, *renderer, model_.tokenizer(),
                   room_for_document(config, *renderer, what.question, config_.window_tokens));
    if (!shown) return false;
    row.result.evidence = evidence_shown(what, shown->text);
    row.episode = std::make_unique<Episode>(
        baseline_episode(config, renderer, what.question, std::move(*shown)));
    return true;
  }

  // A row that never began.
  void give_up(OpenRow row, Outcome outcome) {
    row.result.outcome = outcome;
    row.result.seconds = clock_.leave() - row.shares_before;
    finish(std::move(row.result));
  }

  void take_update(OpenRow& row, const Conversation& conversation) {
    const std::string& memory = conversation.memory.text;
    const bool changed = memory != row.memory;
    if (changed) {
      row.watch->see(memory);
      row.memory = memory;
    }
    const std::int64_t begin = conversation.section_byte_begin;
    const std::int64_t end = conversation.section_byte_end;
    if (row.knows_places && !holds_evidence(row.result.row, begin, end)) {
      ++row.result.sections_without_evidence;
      row.result.false_updates += changed ? 1 : 0;
    }
    if (config_.traces == Traces::kNone) return;
    TraceStep step{.pass = conversation.pass,
                   .section_index = conversation.section_index,
                   .byte_begin = begin,
                   .byte_end = end,
                   .decision = to_string(conversation.decision),
                   .memory = {}};
    if (changed) step.memory = memory;
    row.result.trace.push_back(std::move(step));
  }

  void take_answer(OpenRow& row, const Episode& episode) {
    RowResult& result = row.result;
    const Row& what = result.row;
    take_costs(result, episode.state());
    result.response = episode.answer();
    result.verdict = verify(result.response, what, config_.verifier);
    if (row.watch) result.evidence = row.watch->result();
    score_evidence(what, result.verdict, result.evidence);
    result.outcome = outcome_of(what, result.verdict, result.evidence, result.key.method);
    if (config_.traces == Traces::kFailed && result.outcome == Outcome::kRight) {
      result.trace.clear();
    }
  }

  static void take_costs(RowResult& result, const EpisodeState& state) {
    result.sections = state.sections_read;
    result.prompt_tokens = state.prompt_tokens;
    result.cached_prompt_tokens = state.cached_prompt_tokens;
    result.generated_tokens = state.generated_tokens;
    result.discarded_generated_tokens = state.discarded_generated_tokens;
    result.malformed = state.malformed;
    result.truncated = state.truncated;
  }

  OpenRow close(OpenRows::iterator found) {
    OpenRow row = std::move(found->second);
    open_.erase(found);
    row.result.seconds = clock_.leave() - row.shares_before;
    progress_.work_done += work_of(config_, row.result.key) - static_cast<double>(row.tokens_read);
    return row;
  }

  void finish(RowResult result) {
    ++progress_.rows_done;
    if (result.outcome == Outcome::kFailed) ++progress_.rows_failed;
    observer_.on_row(std::move(result));
    observer_.on_progress(progress_);
  }

  // Tells a model that is gone from one that cannot do a row.
  void ask_for_a_word() {
    if (std::exchange(word_is_out_, true)) return;
    const EpisodeConfig& config = config_.episode;
    words_.push_back(std::make_unique<Episode>(
        baseline_episode(config, config_.renderer, "Reply with the word: ready",
                         config_.renderer->encode("The word is: ready"))));
    runner_.add_episode(*words_.back(), nothing_number_);
  }

  LanguageModel& model_;
  const SuiteConfig& config_;
  SuiteObserver& observer_;
  Runner runner_;
  SharedClock clock_;
  SectionReader nothing_;  // what Episodes whose reading is done belong to
  std::size_t nothing_number_ = 0;
  std::map<std::string, std::shared_ptr<const Task>> tasks_;
  std::deque<RowKey> to_do_;
  std::size_t most_open_ = 1;
  OpenRows open_;
  std::vector<OpenRow> retired_;  // ended within a call of the runner's that still looks at them
  std::vector<RowResult> held_;   // failed, while nobody knows whether the model is still there
  std::vector<std::unique_ptr<Episode>> words_;
  bool word_is_out_ = false;
  std::shared_ptr<const Sample> last_sample_;
  RowKey last_key_;
  SuiteProgress progress_;
};

}  // namespace

const char* to_string(Traces traces) {
  switch (traces) {
    case Traces::kNone:
      return "none";
    case Traces::kFailed:
      return "failed";
    case Traces::kAll:
      return "all";
  }
  MEMAGENT_CHECK(false, "traces {}", static_cast<int>(traces));
}

Traces parse_traces(const std::string& name) {
  for (const Traces traces : {Traces::kNone, Traces::kFailed, Traces::kAll}) {
    if (name == to_string(traces)) return traces;
  }
  fail(ErrorKind::kUsage, "--traces: unknown '{}': choose all, failed or none", name);
}

void validate(const SuiteConfig& config) {
  const Tokenizer& tokenizer = config.renderer->tokenizer();
  for (const auto& task : config.tasks) {
    const std::int64_t fewest = task->fewest_tokens(tokenizer);
    for (const std::int64_t length : config.lengths) {
      if (length < fewest) {
        fail(ErrorKind::kUsage,
             "--lengths: {} tokens are too few for {}, which needs at least {} with this "
             "tokenizer: choose more, or other tasks",
             length, task->name(), fewest);
      }
    }
  }
  for (const Method method : config.methods) {
    if (method == Method::kMemory) continue;
    if (config.window_tokens <= 0) {
      fail(ErrorKind::kUsage,
           "--method {}: how much the model may see at once is not known: say it with "
           "--window-tokens N",
           to_string(method));
    }
    const std::int64_t room =
        room_for_document(config.episode, *config.baseline_renderer, "", config.window_tokens) -
        config.episode.question_tokens;
    if (room < 1) {
      fail(ErrorKind::kUsage,
           "--method {}: a window of {} tokens has no room for a document beside question and "
           "answer: raise --window-tokens, or lower --output-tokens or --question-tokens",
           to_string(method), config.window_tokens);
    }
  }
}

std::vector<RowKey> rows_of(const SuiteConfig& config) {
  std::vector<RowKey> rows;
  for (std::size_t length = 0; length < config.lengths.size(); ++length) {
    for (const auto& task : config.tasks) {
      for (std::int64_t index = 0; index < rows_in(config, *task, length); ++index) {
        for (const Method method : config.methods) {
          rows.push_back({method, task->name(), config.lengths[length], index});
        }
      }
    }
  }
  return rows;
}

void SuiteObserver::on_progress(const SuiteProgress&) {}

void run_suite(LanguageModel& model, const SuiteConfig& config, const std::set<RowKey>& done,
               SuiteObserver& observer) {
  validate(config);
  SuiteRun(model, config, done, observer).run();
}

}  // namespace memagent
