// Runs `memagent ask`: settles what is asked (flags, a session that is continued, defaults), opens
// the pieces, lets the runner drive one Episode per question over one reading, reports.
//
// Cheap checks come before costly ones, so that a wrong flag is told before a model is loaded.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/state_json.h"
#include "base/blank.h"
#include "base/fail.h"
#include "base/input_file.h"
#include "cli/ask_observer.h"
#include "cli/ask_options.h"
#include "cli/ask_report.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/overwriting.h"
#include "cli/say.h"
#include "cli/session_spec.h"
#include "cli/store_option.h"
#include "cli/terminal.h"
#include "memagent/runner.h"
#include "memagent/session_store.h"
#include "session/fingerprint.h"

namespace memagent {
namespace {

using nlohmann::json;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::vector<std::string> read_questions(const std::string& path) {
  std::ifstream file = open_input(path, "--questions: ");
  std::vector<std::string> questions;
  for (std::string line; std::getline(file, line);) {
    if (questions.empty() && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!is_blank(line)) questions.push_back(line);
  }
  if (questions.empty()) {
    fail(ErrorKind::kBadInput, "--questions: {}: has no question: write one on each line", path);
  }
  return questions;
}

// Takes from the session what the command line leaves out. `has_document`: the store does.
void continue_from(AskOptions& options, const SessionInfo& info, bool has_document) {
  const json sources = json::parse(info.spec.sources_json);
  const auto take = [&](const char* key, auto& value) {
    if (value.empty() && sources.contains(key)) sources[key].get_to(value);
  };
  if (options.questions.empty()) options.questions = info.spec.questions;
  if (!options.document.chosen() && !has_document) {
    take("files", options.document.files);
    take("documents", options.document.lists);
  }
  if (!options.model.chosen()) {
    take("model", options.model.model);
    take("endpoints", options.model.endpoints);
  }
  if (!options.model.local()) {
    take("model_name", options.model.model_name);
    take("api", options.model.api);
    take("tokenizer", options.model.tokenizer);
    take("request_fields", options.model.request_fields);
    take("ca_file", options.model.ca_file);
  }
  take("prompts", options.reading.prompts);
  fill_unset(options.reading.settings, info.spec.settings_json);
}

class AskRun {
 public:
  explicit AskRun(AskOptions options) : options_(std::move(options)) {}

  int run() {
    settle_questions();
    check_trace();
    if (!options_.session.empty()) {
      look_up_session();
    } else if (options_.queue) {
      fail(ErrorKind::kUsage, "--queue: the session needs a name: add --session NAME");
    }
    if (options_.questions.empty()) {
      fail(ErrorKind::kUsage, "ask: no question: add -q \"...\" or --questions FILE");
    }
    settle(options_.model);
    use_model_notes(options_.reading, options_.model);
    prompts_ = read_prompts(options_.reading);
    const bool read_twice =
        !options_.session.empty() || options_.reading.settings.passes.value_or(1) > 1;
    if (!source_) source_ = open_document(options_.document, read_twice);
    report_.document = source_->name();
    check_trace();  // the session may have named more files
    if (!options_.trace.empty()) trace_.emplace(options_.trace);

    if (stored_) open_session();
    if (session_ && session_->info().status == SessionStatus::kFinished) {
      for (const std::string& state : session_->info().states_json) {
        report_.states.push_back(episode_state_from_json(state));
      }
    } else {
      read();
      if (options_.queue) return report_queued();
    }
    return report();
  }

 private:
  void settle_questions() {
    for (const std::string& question : options_.questions) {
      if (is_blank(question)) {
        fail(ErrorKind::kUsage,
             "--question: its value is blank: give one, or leave the option out");
      }
    }
    if (options_.questions_file.empty()) return;
    for (std::string& question : read_questions(options_.questions_file)) {
      options_.questions.push_back(std::move(question));
    }
  }

  void look_up_session() {
    const std::string location = store_location(options_.store);
    // With nothing but its name it must be there, and a store is not made to look for it.
    const bool must_be_there = options_.questions.empty() && !options_.document.chosen();
    if (must_be_there && !SessionStore::exists(location)) fail_unknown(location);
    store_.emplace(location);
    if (options_.queue && !store_->shared()) {
      fail(ErrorKind::kUsage,
           "--queue: the store is a file, from which workers take nothing: name a database, "
           "--store postgres://HOST/NAME");
    }
    stored_ = store_->find(options_.session);
    if (!stored_ && must_be_there) fail_unknown(location);
    if (!stored_) return;
    if (!options_.document.chosen()) source_ = store_->open_document(options_.session);
    document_is_kept_ = source_ != nullptr;
    continue_from(options_, *stored_, document_is_kept_);
    report_.model = json::parse(stored_->spec.sources_json).value("opened_as", "");
  }

  [[noreturn]] void fail_unknown(const std::string& location) const {
    fail(ErrorKind::kUsage,
         "session '{}': there is none of that name in {}: to begin one, add -q \"...\" and a "
         "document",
         options_.session, shown_store(location));
  }

  void check_trace() const {
    if (options_.trace.empty()) return;
    std::vector<UsedFile> read = files_of(options_.model);
    for (const std::string& file : options_.document.files) read.push_back({"", file});
    for (const std::string& list : options_.document.lists) read.push_back({"--documents", list});
    if (!options_.document.chosen()) read.push_back({"", "-"});
    read.push_back({"--questions", options_.questions_file});
    read.push_back({"--prompts", options_.reading.prompts});
    if (!options_.session.empty() || !options_.store.empty()) {
      const std::string store = store_location(options_.store);
      if (!is_shared_store(store)) read.push_back({"--store", store});
    }
    refuse_overwriting({"--trace", options_.trace}, read);
  }

  // Starts the session, or continues it if all is the same.
  void open_session() {
    SessionSpec spec;
    spec.settings_json =
        session_settings(options_.reading.settings,
                         session_identity(options_.reading, options_.model, model_.get()));
    spec.sources_json =
        session_sources(options_.document, options_.model, options_.reading, report_.model);
    spec.questions = options_.questions;
    spec.document = document_is_kept_ ? stored_->spec.document : fingerprint(*source_);
    if (stored_) {
      check_served_name(json::parse(stored_->spec.settings_json).value("model", ""));
    }
    session_.emplace(store_->open(options_.session, spec, source_.get()));
    if (trace_) {
      trace_->start();
      store_->visit_conversations(options_.session,
                                  [&](std::size_t, std::string_view line) { trace_->write(line); });
    }
  }

  void read() {
    Interrupt interrupt;
    model_ = open_model(options_.model, model_use(options_.reading));
    const Capabilities& can = model_->capabilities();
    const std::shared_ptr<const PromptRenderer> renderer =
        make_renderer(prompts_, options_.reading, *model_);
    EpisodeConfig config = resolve(options_.reading, can, *renderer);
    config.keep_prompts = options_.trace_prompts;

    report_.model = can.name;
    report_.lookahead = config.lookahead;
    if (!options_.session.empty()) {
      if (!session_) {
        open_session();
      } else {
        check_served_model();
      }
    }

    if (options_.queue) {
      return session_->queue(
          session_reader(options_.reading.settings,
                         session_identity(options_.reading, options_.model, model_.get())));
    }

    std::vector<Episode> episodes;
    for (std::size_t i = 0; i < options_.questions.size(); ++i) {
      const std::string state = session_ ? session_->info().states_json[i] : std::string();
      if (state.empty()) {
        episodes.emplace_back(config, renderer, options_.questions[i]);
      } else {
        episodes.emplace_back(config, renderer, options_.questions[i],
                              episode_state_from_json(state));
      }
    }
    if (trace_ && !session_) trace_->start();
    drive(episodes, interrupt);
  }

  // A server's model cannot be compared before it is open, but its name can.
  void check_served_name(const std::string& before) const {
    const std::string& name = options_.model.model_name;
    if (options_.model.local() || name.empty() || may_be_served_as(name, before)) return;
    fail_other_model(before, "served as " + name);
  }

  void check_served_model() const {
    const json settings = json::parse(session_->info().spec.settings_json);
    const std::string now = model_identity(options_.model, model_.get());
    const std::string before = settings.value("model", now);
    if (before != now) fail_other_model(before, now);
  }

  [[noreturn]] void fail_other_model(const std::string& before, const std::string& now) const {
    fail(ErrorKind::kUsage,
         "session '{}': model was \"{}\", now \"{}\": continue it as it was started, or choose "
         "another name with --session",
         options_.session, before, now);
  }

  void drive(std::vector<Episode>& episodes, Interrupt& interrupt) {
    const auto started = std::chrono::steady_clock::now();
    AskObserverOptions show;
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    show.progress = terminal && !options_.quiet;
    show.watch = options_.watch;
    show.trace_prompts = options_.trace_prompts;
    show.colour = terminal;
    show.total_bytes = source_->total_bytes();
    show.passes = *options_.reading.settings.passes;
    show.seconds = [started] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    };
    std::int64_t resumed = 0;
    for (const Episode& episode : episodes) {
      resumed = std::max(resumed, episode.state().document_tokens);
    }
    SectionReader reader(
        std::move(source_), model_->tokenizer(),
        {*options_.reading.settings.section_tokens, *options_.reading.settings.cut});
    AskObserver observer(episodes, session_ ? &*session_ : nullptr, trace_ ? &*trace_ : nullptr,
                         std::move(show));
    RunnerOptions runner;
    runner.max_in_flight = options_.model.max_in_flight;
    runner.stop = interrupt.flag();
    interrupt.set_model(model_.get());
    try {
      run_episodes(*model_, episodes, reader, observer, runner);
    } catch (const Error& error) {
      interrupt.set_model(nullptr);
      observer.clear();
      throw with_advice(error, episodes);
    }
    interrupt.set_model(nullptr);
    if (session_) session_->finish();
    std::int64_t tokens = 0;
    for (const Episode& episode : episodes) {
      report_.states.push_back(episode.state());
      tokens = std::max(tokens, episode.state().document_tokens);
    }
    report_.tokens_this_run = tokens - resumed;
    report_.repaired_sequences = reader.repaired_sequences();
  }

  // A store that MEMAGENT_STORE names is found by the next command, too.
  std::string command_to_go_on() const {
    std::string command = "memagent ask";
    if (!options_.store.empty()) command += " --store " + shell_word(shown_store(options_.store));
    return command + " --session " + shell_word(options_.session);
  }

  // What has been kept, and how to go on.
  Error with_advice(const Error& error, const std::vector<Episode>& episodes) const {
    std::int64_t sections = 0;
    for (const Episode& episode : episodes) {
      sections = std::max(sections, episode.state().sections_read);
    }
    const std::string kept = fmt::format("{} section{}", sections, sections == 1 ? "" : "s");
    if (error.kind() == ErrorKind::kInterrupted) {
      return {error.kind(),
              session_ ? fmt::format("interrupted: session '{}' keeps {}: to go on, run the same "
                                     "command again or: {}",
                                     options_.session, kept, command_to_go_on())
                       : fmt::format("interrupted after {}: nothing is kept: use --session NAME to "
                                     "be able to go on",
                                     kept)};
    }
    if (session_ && error.kind() != ErrorKind::kUsage) {
      return {error.kind(),
              fmt::format("{} (session '{}' keeps {})", error.what(), options_.session, kept)};
    }
    return error;
  }

  int report_queued() {
    session_.reset();
    if (options_.json) {
      write_output(json{{"session", options_.session}, {"status", "queued"}}.dump(
                       -1, ' ', false, json::error_handler_t::replace) +
                   "\n");
    } else {
      write_output(
          fmt::format("session '{}' is queued: see memagent sessions show\n", options_.session));
    }
    return 0;
  }

  int report() {
    report_.questions = options_.questions;
    report_.session = options_.session;
    report_.settings_json = to_json(options_.reading.settings);
    report_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    if (options_.json) {
      write_output(report_json(report_));
    } else {
      write_output(report_text(report_, ::isatty(STDOUT_FILENO) != 0));
    }
    if (!options_.quiet && !options_.json) {
      if (const std::string warning = warning_of_answers(report_); !warning.empty()) {
        say("memagent: {}\n", warning);
      }
      say("memagent: {}\n", closing_line(report_));
    }
    return 0;
  }

  AskOptions options_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::optional<SessionStore> store_;
  std::optional<SessionInfo> stored_;
  std::optional<Session> session_;
  bool document_is_kept_ = false;  // source_ is the store's copy
  PromptSet prompts_;
  std::unique_ptr<DocumentSource> source_;
  std::optional<TraceFile> trace_;
  std::unique_ptr<LanguageModel> model_;
  AskReport report_;
};

}  // namespace

int run_ask(AskOptions options) { return AskRun(std::move(options)).run(); }

}  // namespace memagent
