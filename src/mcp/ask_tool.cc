#include "mcp/ask_tool.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/state_json.h"
#include "base/fail.h"
#include "server/joined_source.h"
#include "session/fingerprint.h"

namespace memagent {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// Progress is for people: more often than this is no use to them.
constexpr std::chrono::milliseconds kProgressInterval{200};

// A source whose reading ends when the call does: a document may be long, and is read once for its
// fingerprint before anything else.
class StoppableSource : public DocumentSource {
 public:
  StoppableSource(std::unique_ptr<DocumentSource> source, std::stop_token stop)
      : source_(std::move(source)), stop_(std::move(stop)) {}
  std::size_t read(std::span<char> buffer) override {
    if (stop_.stop_requested()) fail(ErrorKind::kInterrupted, "{}: stopped", source_->name());
    return source_->read(buffer);
  }
  bool rewindable() const override { return source_->rewindable(); }
  void rewind() override { source_->rewind(); }
  std::int64_t total_bytes() const override { return source_->total_bytes(); }
  std::string name() const override { return source_->name(); }

 private:
  std::unique_ptr<DocumentSource> source_;
  std::stop_token stop_;
};

std::optional<SessionInfo> find_session(const std::string& store, const std::string& name) {
  if (!SessionStore::exists(store)) return std::nullopt;
  return SessionStore(store, SessionStore::Mode::kExisting).find(name);
}

// Takes from the session what the call leaves out.
void continue_from(AskArguments& arguments, const SessionInfo& info) {
  if (arguments.questions.empty()) arguments.questions = info.spec.questions;
  if (!arguments.files.empty() || arguments.text || info.has_document) return;
  const json sources = json::parse(info.spec.sources_json);
  arguments.files = sources.value("files", std::vector<std::string>());
  const bool others =
      sources.value("text", false) || arguments.files.empty() ||
      std::find(arguments.files.begin(), arguments.files.end(), "-") != arguments.files.end();
  if (others) {
    fail(ErrorKind::kUsage,
         "session '{}': its document was not given as files alone: give the same document again",
         info.name);
  }
}

std::unique_ptr<DocumentSource> open_source(const std::vector<std::string>& files,
                                            const std::optional<std::string>& text) {
  if (!text) return file_source(files);
  if (files.empty()) return text_source(*text);
  std::vector<TitledSource> parts;
  parts.reserve(files.size() + 1);
  for (const std::string& file : files) parts.push_back({file, file_source({file})});
  parts.push_back({"text", text_source(*text)});
  return joined_source(std::move(parts), fmt::format("{} and a text", file_source(files)->name()));
}

std::unique_ptr<DocumentSource> kept_source(const std::string& store, const SessionInfo& info) {
  std::unique_ptr<DocumentSource> source =
      SessionStore(store, SessionStore::Mode::kExisting).open_document(info.name);
  if (source == nullptr) {
    fail(ErrorKind::kUsage, "session '{}': was deleted: give the document to begin it anew",
         info.name);
  }
  return source;
}

std::vector<Episode> make_episodes(const AskArguments& arguments, const OpenedModel& opened,
                                   const SessionInfo* session) {
  std::vector<Episode> episodes;
  for (std::size_t i = 0; i < arguments.questions.size(); ++i) {
    const std::string state = session == nullptr ? "" : session->states_json[i];
    if (state.empty()) {
      episodes.emplace_back(opened.plan.config, opened.renderer, arguments.questions[i]);
    } else {
      episodes.emplace_back(opened.plan.config, opened.renderer, arguments.questions[i],
                            episode_state_from_json(state));
    }
  }
  return episodes;
}

ToolProgress to_progress(const ReadingProgress& reading) {
  // Two decimals: numbers that a person may be shown.
  return {std::floor(reading.fraction * 10'000) / 100,
          fmt::format("{} section{}, {} tokens read", reading.sections,
                      reading.sections == 1 ? "" : "s", reading.document_tokens)};
}

// Until the reading has ended.
ReadingOutcome wait_for(const ReadingService::Handle& reading,
                        const AskTool::OnProgress& on_progress, const std::stop_token& stop) {
  const std::stop_callback cancel(stop, [&] { reading.cancel(); });
  std::optional<ToolProgress> next;
  double told = -1;
  Clock::time_point due = Clock::now();
  const auto tell = [&] {
    if (next && next->percent > told) {
      told = next->percent;
      on_progress(*next);
      due = Clock::now() + kProgressInterval;
    }
    next.reset();
  };
  while (true) {
    int timeout = -1;
    if (next) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now());
      timeout = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }
    pollfd ready{reading.events().ready_fd(), POLLIN, 0};
    ::poll(&ready, 1, timeout);
    EventQueue::Events events = reading.events().take();
    if (events.progress && events.progress->fraction >= 0) next = to_progress(*events.progress);
    if (events.outcome) {
      tell();
      return *std::move(events.outcome);
    }
    if (next && Clock::now() >= due) tell();
  }
}

// What has been kept, and how to go on.
Error with_advice(const Error& error, const std::string& session,
                  const std::vector<EpisodeState>& states) {
  std::int64_t sections = 0;
  for (const EpisodeState& state : states) sections = std::max(sections, state.sections_read);
  const std::string kept = fmt::format("{} section{}", sections, sections == 1 ? "" : "s");
  if (error.kind() == ErrorKind::kInterrupted) {
    return {error.kind(),
            session.empty()
                ? fmt::format("stopped after {}: nothing is kept: give a session name to be able "
                              "to go on",
                              kept)
                : fmt::format("stopped: session '{}' keeps {}: call ask_documents with the session "
                              "again to go on",
                              session, kept)};
  }
  if (session.empty() || error.kind() == ErrorKind::kUsage) return error;
  return {error.kind(), fmt::format("{} (session '{}' keeps {})", error.what(), session, kept)};
}

ordered_json to_json(const std::string& question, const EpisodeState& state) {
  return {{"question", question},
          {"answer", state.answer},
          {"memory", state.memory.text},
          {"sections", state.sections_read},
          {"document_tokens", state.document_tokens},
          {"stopped_early", state.stopped_early},
          {"malformed", state.malformed},
          {"truncated", state.truncated},
          {"retried_generations", state.retried_generations}};
}

std::string report(const AskArguments& arguments, const std::vector<EpisodeState>& states,
                   const std::string& document, const std::string& model, double seconds,
                   std::int64_t repaired) {
  ordered_json answers = ordered_json::array();
  std::int64_t sections = 0;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < states.size(); ++i) {
    answers.push_back(to_json(arguments.questions[i], states[i]));
    sections = std::max(sections, states[i].sections_read);
    tokens = std::max(tokens, states[i].document_tokens);
  }
  ordered_json result = {
      {"answers", std::move(answers)}, {"sections", sections},
      {"document_tokens", tokens},     {"seconds", std::round(seconds * 1000) / 1000},
      {"document", document},          {"model", model},
      {"repaired_sequences", repaired}};
  if (!arguments.session.empty()) result["session"] = arguments.session;
  // A model's text need not be whole UTF-8.
  return result.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

AskTool::AskTool(OpenModel open_model, AllowedFiles files, std::string store)
    : open_model_(std::move(open_model)), files_(std::move(files)), store_(std::move(store)) {}

// A model that cannot be opened now may be later: an endpoint that is starting, say. But those who
// wait do not try again one after another: each try may take minutes, and the server ends with its
// last call.
const OpenedModel& AskTool::opened(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (opening_) {
    const std::int64_t before = num_attempts_;
    changed_.wait(lock, stop, [&] { return num_attempts_ != before; });
    if (!stop.stop_requested() && !opened_) std::rethrow_exception(failure_);
  }
  if (stop.stop_requested()) fail(ErrorKind::kInterrupted, "stopped before the model was open");
  if (opened_) return *opened_;
  opening_ = true;
  lock.unlock();
  std::optional<OpenedModel> opened;
  std::exception_ptr failure;
  try {
    opened.emplace(open_model_());
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  opening_ = false;
  ++num_attempts_;
  opened_ = std::move(opened);
  failure_ = failure;
  changed_.notify_all();
  if (failure != nullptr) std::rethrow_exception(failure);
  if (stop.stop_requested()) fail(ErrorKind::kInterrupted, "stopped before the model was open");
  return *opened_;
}

std::unique_ptr<HeldSession> AskTool::hold(const AskArguments& arguments, DocumentSource& document,
                                           const std::vector<std::string>& files,
                                           const OpenedModel& opened,
                                           const SessionInfo* keeping) const {
  json sources = json::parse(opened.sources(files));
  if (arguments.text) sources["text"] = true;
  SessionSpec spec;
  spec.settings_json = opened.plan.session_settings;
  spec.sources_json = sources.dump();
  spec.questions = arguments.questions;
  spec.document = keeping != nullptr ? keeping->spec.document : fingerprint(document);
  auto held = std::make_unique<HeldSession>();
  held->name = arguments.session;
  held->store = std::make_unique<SessionStore>(store_);
  held->session.emplace(held->store->open(arguments.session, spec, &document));
  return held;
}

std::string AskTool::ask(AskArguments arguments, const OnProgress& on_progress,
                         const std::stop_token& stop) {
  const Clock::time_point started = Clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(Clock::now() - started).count();
  };
  std::optional<SessionInfo> keeping;  // the document that is read is the session's own
  if (!arguments.session.empty()) {
    if (auto info = find_session(store_, arguments.session)) {
      continue_from(arguments, *info);
      if (arguments.files.empty() && !arguments.text) keeping = std::move(info);
    }
    if (arguments.questions.empty() || (arguments.files.empty() && !arguments.text && !keeping)) {
      fail(ErrorKind::kUsage,
           "session '{}': there is none of that name: give a question, and files or a text, to "
           "begin it",
           arguments.session);
    }
  }
  std::vector<std::string> files;
  for (const std::string& file : arguments.files) files.push_back(files_.find(file));
  std::unique_ptr<DocumentSource> source = std::make_unique<StoppableSource>(
      keeping ? kept_source(store_, *keeping) : open_source(files, arguments.text), stop);
  const std::string document = source->name();
  const OpenedModel& model = opened(stop);
  const std::string& model_name = model.model->capabilities().name;

  std::vector<EpisodeState> states;  // as far as they are kept
  try {
    std::unique_ptr<HeldSession> held;
    if (!arguments.session.empty()) {
      held = hold(arguments, *source, files, model, keeping ? &*keeping : nullptr);
      for (const std::string& state : held->session->info().states_json) {
        states.push_back(state.empty() ? EpisodeState() : episode_state_from_json(state));
      }
      if (held->session->info().status == SessionStatus::kFinished) {
        return report(arguments, states, document, model_name, seconds(), 0);
      }
    }
    std::vector<Episode> episodes =
        make_episodes(arguments, model, held == nullptr ? nullptr : &held->session->info());
    SectionReader reader(std::move(source), model.model->tokenizer(), model.plan.sections);
    const ReadingService::Handle reading =
        model.service->read(fmt::format("call {}", ++num_calls_), std::move(episodes),
                            std::move(reader), std::move(held));
    const ReadingOutcome outcome = wait_for(reading, on_progress, stop);
    if (!outcome.states.empty()) states = outcome.states;
    if (outcome.stop == StopReason::kCancelled) fail(ErrorKind::kInterrupted, "stopped");
    if (outcome.error) throw Error(*outcome.error);
    return report(arguments, states, document, model_name, seconds(), outcome.repaired_sequences);
  } catch (const Error& error) {
    throw with_advice(error, arguments.session, states);
  }
}

}  // namespace memagent
