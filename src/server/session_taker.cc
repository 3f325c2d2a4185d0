#include "server/session_taker.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/state_json.h"
#include "server/api_error.h"
#include "session/session_check.h"

namespace memagent {
namespace {

constexpr std::chrono::milliseconds kLongestWait{30'000};  // for the store
constexpr std::chrono::milliseconds kWhileFull{500};
// How soon the end of a reading is noticed, which makes room for the next.
constexpr std::chrono::milliseconds kWhileReading{50};

}  // namespace

std::chrono::milliseconds StoreWaits::next() {
  return std::exchange(next_, std::min(2 * next_, kLongestWait));
}

std::string trying_again(const Error& error, std::chrono::milliseconds wait) {
  return fmt::format("{}: trying again in {:.1f} s", error.what(),
                     std::chrono::duration<double>(wait).count());
}

SessionTaker::SessionTaker(const LanguageModel& model,
                           std::shared_ptr<const PromptRenderer> renderer, ReadingService& service,
                           OpenStore open_store, SessionTakerOptions options,
                           std::function<void()> done)
    : model_(model),
      renderer_(std::move(renderer)),
      service_(service),
      open_store_(std::move(open_store)),
      options_(std::move(options)),
      done_(std::move(done)),
      thread_([this] { work(); }) {}

SessionTaker::~SessionTaker() {
  stop();
  thread_.join();
}

void SessionTaker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void SessionTaker::say(const TakerNews& news) const {
  if (options_.say) options_.say(news);
}

void SessionTaker::say_failed(const std::string& name, const Error& error) const {
  say({.what = "failed",
       .error = word_of(error.kind()),
       .line = fmt::format("session '{}': {}", name, error.what())});
}

void SessionTaker::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

void SessionTaker::work() {
  StoreWaits waits;
  bool unreachable = false;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    try {
      note_ended();
      const Next next = taken_.size() < options_.at_once ? take_one() : Next::kPause;
      if (std::exchange(unreachable, false)) {
        say({.what = "reachable", .line = kStoreAnswersAgain});
      }
      waits.reset();
      if (next == Next::kEnd) {
        if (done_) done_();
        return;
      }
      if (next == Next::kPause) {
        pause(taken_.empty() ? options_.poll : std::min(options_.poll, kWhileReading));
      }
    } catch (const ApiError& error) {  // the service is full, or being stopped
      pause(kWhileFull);
    } catch (const Error& error) {
      unreachable = true;
      const std::chrono::milliseconds wait = waits.next();
      say({.what = "unreachable",
           .error = word_of(error.kind()),
           .line = trying_again(error, wait)});
      pause(wait);
    }
  }
}

SessionTaker::Next SessionTaker::take_one() {
  auto held = std::make_unique<HeldSession>();
  held->store = open_store_();
  std::optional<Session> session = held->store->take(options_.reader);
  if (!session) {
    const bool empty =
        options_.until_empty && taken_.empty() && held->store->count_queued(options_.reader) == 0;
    return empty ? Next::kEnd : Next::kPause;
  }
  held->name = session->info().name;
  held->session.emplace(std::move(*session));
  read(std::move(held));
  return Next::kAgain;
}

void SessionTaker::read(std::unique_ptr<HeldSession> held) {
  Session& session = *held->session;
  const SessionInfo& info = session.info();
  const std::string name = info.name;
  std::vector<Episode> episodes;
  std::optional<SectionReader> document;
  try {
    const ReadingPlan plan = options_.plan(info.spec.settings_json);
    SessionSpec same = info.spec;
    same.settings_json = plan.session_settings;
    check_same(info, same);
    std::unique_ptr<DocumentSource> source = held->store->open_document(name);
    if (source == nullptr) {
      throw Error(ErrorKind::kBadInput,
                  fmt::format("session '{}': the store does not have its document: queue it again "
                              "with the document",
                              name));
    }
    bool finished = true;
    for (std::size_t i = 0; i < info.spec.questions.size(); ++i) {
      const std::string& state = info.states_json[i];
      if (state.empty()) {
        episodes.emplace_back(plan.config, renderer_, info.spec.questions[i]);
      } else {
        episodes.emplace_back(plan.config, renderer_, info.spec.questions[i],
                              episode_state_from_json(state));
      }
      finished = finished && episodes.back().state().finished;
    }
    // Its last reader was killed between the last step and the end.
    if (finished) return session.finish();
    document.emplace(std::move(source), model_.tokenizer(), plan.sections);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUnreachable) throw;
    session.failed(error);
    return say_failed(name, error);
  } catch (const nlohmann::json::exception& error) {
    const Error damaged(ErrorKind::kBadInput,
                        fmt::format("its settings are damaged ({}): begin it anew under another "
                                    "name",
                                    error.what()));
    session.failed(damaged);
    return say_failed(name, damaged);
  }
  const bool begun = info.conversations == 0;
  say({.what = begun ? "begun" : "taken_up",
       .line = fmt::format("session '{}': {} at step {}", name, begun ? "begun" : "taken up",
                           info.conversations)});
  // Turns with the model go by who began it.
  const nlohmann::json sources = nlohmann::json::parse(info.spec.sources_json);
  taken_.push_back({name, service_.read("queued " + sources.value("owner", ""), std::move(episodes),
                                        std::move(*document), std::move(held))});
}

void SessionTaker::note_ended() {
  std::erase_if(taken_, [this](Taken& taken) {
    const EventQueue::Events events = taken.handle.events().take();
    if (!events.outcome) return false;
    const ReadingOutcome& outcome = *events.outcome;
    std::int64_t sections = 0;
    for (const EpisodeState& state : outcome.states) sections += state.sections_read;
    if (outcome.error) {
      say_failed(taken.name, *outcome.error);
    } else if (outcome.stop == StopReason::kCancelled) {
      say({.what = "given_back", .line = fmt::format("session '{}': given back", taken.name)});
    } else {
      say({.what = "finished",
           .sections = sections,
           .line = fmt::format("session '{}': finished, {} sections", taken.name, sections)});
    }
    return true;
  });
}

}  // namespace memagent
