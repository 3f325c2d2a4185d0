// Runner: queues of Episode numbers, and one place for each thing an Episode can need. A request of
// its own is an entry without an Episode: it only ever asks.
//
// Numbers are given again, so that a Runner that never ends does not grow. Queues may hold the
// number of one that has ended: whoever has it now is then looked at once too often, which does no
// harm. Results may not go astray like this; those of an entry that has ended are nobody's.
//
//   ready_    may have something to accept, a section to ask for, or be finished
//   asking_   wants a generation; served first come, first served, one request a turn
//   reading_  documents that somebody waits for
//
// An Episode is in no queue while all it needs is under way. Nothing here loops over all Episodes.
//
// What comes first: results already there are accepted, then requests are sent while the model has
// room, then one section is read, then the model is waited for. So no section is read while
// requests wait to be sent, unless there are groups, one of which may need it to take its turn; and
// the model is looked after every few milliseconds while many are read.
#include "memagent/runner.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <unordered_map>
#include <utility>

#include "agent/section_share.h"
#include "agent/turn_queue.h"
#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;

// How long sections may be read while requests are in flight before the model is looked after.
constexpr std::chrono::milliseconds kReadingSlice{5};

constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

struct Entry {
  Episode* episode = nullptr;                // null once it has ended
  std::optional<GenerationRequest> request;  // to be sent; then it is `out`
  bool is_request = false;                   // and has no result yet
  std::size_t document = kNobody;
  std::uint64_t group = 0;
  std::uint64_t term = 0;     // how many had this number before
  std::int32_t failures = 0;  // in a row
  bool is_ready = false;      // in ready_
  bool is_asking = false;     // in asking_
  // Where a restored Episode goes on, until it has its first section.
  std::optional<std::uint64_t> resume_hash;
  std::vector<std::pair<std::uint64_t, RequestId>> out;  // turns and their requests; discarded, too
};

struct Document {
  std::unique_ptr<SectionShare> share;  // null once it is removed
  std::size_t episodes = 0;             // that have not ended
  bool is_reading = false;              // in reading_
};

struct InFlight {
  std::size_t entry;  // kNobody: it has ended
  std::uint64_t turn_id;
  std::int64_t prompt_tokens;
  bool discarded = false;
};

std::int64_t tokens_of(const Prompt& prompt) {
  constexpr std::size_t kBytesPerToken = 4;
  std::size_t bytes = 0;
  for (const Message& message : prompt.messages) bytes += message.content.size();
  return static_cast<std::int64_t>(prompt.tokens.size() + bytes / kBytesPerToken);
}

GenerationResult failure(const Error& error) {
  GenerationResult result;
  result.stop = StopReason::kFailed;
  result.error = error.what();
  return result;
}

}  // namespace

struct Runner::State {
  LanguageModel& model;
  RunnerOptions options;
  std::size_t most_in_flight;

  std::deque<Entry> entries;
  std::deque<Document> documents;
  std::vector<std::size_t> ended;         // since the last turn of run()
  std::vector<std::size_t> free_entries;  // numbers to give again
  std::vector<std::size_t> free_documents;
  std::size_t unfinished = 0;
  std::deque<std::size_t> ready;
  TurnQueue asking;
  bool has_groups = false;
  std::deque<std::size_t> reading;
  std::unordered_map<RequestId, InFlight> in_flight;
  std::size_t in_flight_wanted = 0;  // without the discarded
  std::vector<GenerationResult> results;
  Clock::time_point last_wait = Clock::now();
  Clock::time_point last_tick = Clock::now();
  RunObserver* observer = nullptr;

  State(LanguageModel& model_in, RunnerOptions options_in)
      : model(model_in), options(options_in), most_in_flight(0) {
    if (options.max_in_flight < 0 || options.section_window < 1 || options.tick_ms < 1 ||
        options.max_failures < 1) {
      fail(ErrorKind::kUsage,
           "runner options: max in flight {} must be 0 or more; section window {}, tick {} ms and "
           "max failures {} must be at least 1",
           options.max_in_flight, options.section_window, options.tick_ms, options.max_failures);
    }
    const std::int32_t most =
        options.max_in_flight > 0 ? options.max_in_flight : model.capabilities().parallel;
    most_in_flight = static_cast<std::size_t>(std::max(most, 1));
  }

  void run();
  bool stopped() const;
  void check_stop() const;
  void make_ready(std::size_t number);
  void note_document(std::size_t number);
  void step(std::size_t number);
  bool take_section(std::size_t number);
  void send_one(std::size_t number);
  void watch(std::size_t number, GenerationRequest& request);
  void read_one();
  void wait_for_model(std::chrono::milliseconds timeout);
  void take_result(GenerationResult&& result);
  void cancel_discarded(std::size_t number);
  AfterFailure ask_observer(std::size_t number, const Error& error);
  std::size_t new_entry();
  void end_entry(std::size_t number);
  void cancel_all();
};

void Runner::State::run() {
  while (unfinished > 0) {
    check_stop();
    free_entries.insert(free_entries.end(), ended.begin(), ended.end());
    ended.clear();
    while (!ready.empty()) {
      const std::size_t number = ready.front();
      ready.pop_front();
      entries[number].is_ready = false;
      step(number);
    }
    if (!asking.empty() && in_flight_wanted < most_in_flight) {
      const std::size_t number = asking.pop();
      entries[number].is_asking = false;
      send_one(number);
      continue;
    }
    if (unfinished == 0) continue;
    const bool read = !reading.empty() && (asking.empty() || has_groups);
    if (read) read_one();
    const Clock::time_point now = Clock::now();
    if (!read) {
      MEMAGENT_CHECK(!in_flight.empty(), "{} entries wait for nothing", unfinished);
      wait_for_model(std::chrono::milliseconds(options.tick_ms));
    } else if (!in_flight.empty() && now - last_wait >= kReadingSlice) {
      wait_for_model(std::chrono::milliseconds(0));
    }
    if (now - last_tick >= std::chrono::milliseconds(options.tick_ms)) {
      last_tick = now;
      observer->on_tick();
    }
  }
  // Only requests nobody wants any more: they have been cancelled, and their results are due. There
  // is nothing left to stop, only something not worth waiting for.
  while (!in_flight.empty() && !stopped()) {
    wait_for_model(std::chrono::milliseconds(options.tick_ms));
  }
}

bool Runner::State::stopped() const {
  return options.stop != nullptr && options.stop->load(std::memory_order_relaxed);
}

void Runner::State::check_stop() const {
  if (stopped()) {
    fail(ErrorKind::kInterrupted, "stopped before the end; what has been accepted is kept");
  }
}

void Runner::State::make_ready(std::size_t number) {
  Entry& entry = entries[number];
  if (entry.episode == nullptr || entry.is_ready) return;
  entry.is_ready = true;
  ready.push_back(number);
}

void Runner::State::note_document(std::size_t number) {
  Document& document = documents[number];
  if (document.is_reading || !document.share->has_work()) return;
  document.is_reading = true;
  reading.push_back(number);
}

// Goes on with an Episode until all it needs is under way.
void Runner::State::step(std::size_t number) {
  Entry& entry = entries[number];
  bool was_reading = true;
  while (entry.episode != nullptr) {
    Episode& episode = *entry.episode;
    if (was_reading && !episode.reading()) {
      was_reading = false;
      documents[entry.document].share->leave(number);
      note_document(entry.document);
    }
    switch (episode.need()) {
      case Need::kAccept: {
        const Conversation conversation = episode.accept();
        observer->on_conversation(number, episode, conversation);
        check_stop();
        continue;
      }
      case Need::kGeneration:
        if (!entry.is_asking) {
          entry.is_asking = true;
          asking.push(entry.group, number);
        }
        return;
      case Need::kSection:
        if (!take_section(number)) return;
        continue;
      case Need::kWait:
        return;
      case Need::kFinished:
        end_entry(number);
        observer->on_finished(number, episode);
        return;
    }
  }
}

// False if the section is not there yet, or the Episode has failed.
bool Runner::State::take_section(std::size_t number) {
  Entry& entry = entries[number];
  try {
    std::shared_ptr<const Section> section;
    const SectionShare::Answer answer = documents[entry.document].share->ask(
        number, entry.episode->wanted_section(), entry.resume_hash, section);
    note_document(entry.document);
    if (answer == SectionShare::Answer::kWait) return false;
    entry.resume_hash.reset();
    if (answer == SectionShare::Answer::kEnd) {
      entry.episode->end_of_document();
    } else {
      entry.episode->give_section(std::move(section));
    }
    return true;
  } catch (const Error& error) {
    ask_observer(number, error);
    end_entry(number);
    return false;
  }
}

void Runner::State::send_one(std::size_t number) {
  Entry& entry = entries[number];
  if (entry.request) {
    GenerationRequest request = std::move(*entry.request);
    entry.request.reset();
    watch(number, request);
    const std::int64_t tokens = tokens_of(request.prompt);
    try {
      const RequestId id = model.submit(std::move(request));
      entry.out.emplace_back(0, id);
      in_flight.emplace(id, InFlight{number, 0, tokens});
      ++in_flight_wanted;
    } catch (const Error& error) {
      end_entry(number);
      observer->on_result(number, failure(error));
    }
    return;
  }
  if (entry.episode == nullptr) return;
  if (entry.episode->need() == Need::kGeneration) {
    Turn turn = entry.episode->take_generation();
    if (turn.kind == ConversationKind::kAnswer) watch(number, turn.request);
    const std::int64_t tokens = tokens_of(turn.request.prompt);
    try {
      const RequestId request = model.submit(std::move(turn.request));
      entry.out.emplace_back(turn.id, request);
      in_flight.emplace(request, InFlight{number, turn.id, tokens});
      ++in_flight_wanted;
    } catch (const Error& error) {
      const AfterFailure after = ask_observer(number, error);
      if (after != AfterFailure::kSkipStep || entry.episode == nullptr) return end_entry(number);
      entry.episode->give_up(turn.id, failure(error));
    }
  }
  make_ready(number);
}

// What a request still says after its entry has ended is nobody's.
void Runner::State::watch(std::size_t number, GenerationRequest& request) {
  if (!options.watch_text) return;
  request.on_text = [this, number, term = entries[number].term](std::string_view so_far) {
    const Entry& entry = entries[number];
    if (entry.term != term || (entry.episode == nullptr && !entry.is_request)) return;
    observer->on_text(number, entry.episode, so_far);
  };
}

void Runner::State::read_one() {
  const std::size_t number = reading.front();
  reading.pop_front();
  Document& document = documents[number];
  document.is_reading = false;
  if (document.share == nullptr || !document.share->has_work()) return;
  try {
    document.share->work();
  } catch (const Error& error) {
    for (const std::size_t episode : document.share->episodes()) {
      if (entries[episode].episode == nullptr) continue;  // cancelled by the one before
      ask_observer(episode, error);
      end_entry(episode);
    }
    return;
  }
  for (const std::size_t episode : document.share->take_woken()) make_ready(episode);
  note_document(number);
}

void Runner::State::wait_for_model(std::chrono::milliseconds timeout) {
  results.clear();
  model.wait(results, timeout);
  last_wait = Clock::now();
  for (GenerationResult& result : results) take_result(std::move(result));
  if (results.empty() && timeout.count() > 0) {
    last_tick = last_wait;
    observer->on_tick();
  }
}

void Runner::State::take_result(GenerationResult&& result) {
  const auto found = in_flight.find(result.id);
  if (found == in_flight.end()) return;  // of somebody else's run with the same model
  const InFlight flight = found->second;
  in_flight.erase(found);
  if (!flight.discarded) --in_flight_wanted;
  if (flight.entry == kNobody) return;
  Entry& entry = entries[flight.entry];
  std::erase_if(entry.out, [&](const auto& turn) { return turn.second == result.id; });
  if (entry.is_request) {
    end_entry(flight.entry);
    observer->on_result(flight.entry, std::move(result));
    return;
  }
  Episode& episode = *entry.episode;
  const bool failed = result.stop == StopReason::kFailed || result.stop == StopReason::kCancelled;
  if (flight.discarded || !failed) {
    if (!failed) entry.failures = 0;
    episode.give_generation(flight.turn_id, std::move(result));
  } else if (++entry.failures < options.max_failures) {
    episode.give_generation(flight.turn_id, std::move(result));
  } else {
    const std::string reason = result.error.empty() ? to_string(result.stop) : result.error;
    const Error error(ErrorKind::kModel,
                      fmt::format("{} generations in a row failed: {}", entry.failures, reason));
    const AfterFailure after = ask_observer(flight.entry, error);
    if (after != AfterFailure::kSkipStep || entry.episode == nullptr) {
      return end_entry(flight.entry);
    }
    entry.failures = 0;
    episode.give_up(flight.turn_id, std::move(result));
  }
  cancel_discarded(flight.entry);
  make_ready(flight.entry);
}

void Runner::State::cancel_discarded(std::size_t number) {
  Entry& entry = entries[number];
  for (const std::uint64_t turn_id : entry.episode->take_discarded()) {
    const auto turn = std::find_if(entry.out.begin(), entry.out.end(),
                                   [&](const auto& out) { return out.first == turn_id; });
    MEMAGENT_CHECK(turn != entry.out.end(), "turn {} was not out", turn_id);
    in_flight.at(turn->second).discarded = true;
    --in_flight_wanted;
    model.cancel(turn->second);
  }
}

AfterFailure Runner::State::ask_observer(std::size_t number, const Error& error) {
  const AfterFailure after = observer->on_failed(number, *entries[number].episode, error);
  if (after == AfterFailure::kEndRun) throw error;
  return after;
}

// The number of a new entry. Its place in a queue, if the last of this number left one, stays.
std::size_t Runner::State::new_entry() {
  ++unfinished;
  if (free_entries.empty()) {
    entries.emplace_back();
    return entries.size() - 1;
  }
  const std::size_t number = free_entries.back();
  free_entries.pop_back();
  return number;
}

// Lets go of what has ended, or is to; what it has in flight is cancelled. Once is enough: a
// callback may have cancelled what is just failing.
void Runner::State::end_entry(std::size_t number) {
  Entry& entry = entries[number];
  if (entry.episode == nullptr && !entry.is_request) return;
  for (const auto& [turn_id, request] : entry.out) {
    InFlight& flight = in_flight.at(request);
    flight.entry = kNobody;
    if (flight.discarded) continue;
    flight.discarded = true;
    --in_flight_wanted;
    model.cancel(request);
  }
  if (entry.document != kNobody) {
    Document& document = documents[entry.document];
    document.share->leave(number);
    --document.episodes;
    note_document(entry.document);
  }
  Entry blank;
  blank.is_ready = entry.is_ready;
  blank.is_asking = entry.is_asking;
  blank.term = entry.term + 1;
  entry = std::move(blank);
  if (options.reuse_numbers) ended.push_back(number);
  --unfinished;
}

void Runner::State::cancel_all() {
  for (auto& [request, flight] : in_flight) {
    if (!flight.discarded) model.cancel(request);
  }
  in_flight.clear();
  in_flight_wanted = 0;
}

Runner::Runner(LanguageModel& model, RunnerOptions options)
    : state_(std::make_unique<State>(model, options)) {}

Runner::~Runner() { state_->cancel_all(); }

std::size_t Runner::add_document(SectionReader& document) {
  State& s = *state_;
  std::size_t number = s.documents.size();
  if (s.free_documents.empty()) {
    s.documents.emplace_back();
  } else {
    number = s.free_documents.back();
    s.free_documents.pop_back();
  }
  s.documents[number].share =
      std::make_unique<SectionShare>(document, static_cast<std::size_t>(s.options.section_window));
  return number;
}

void Runner::remove_document(std::size_t document) {
  State& s = *state_;
  MEMAGENT_CHECK(document < s.documents.size() && s.documents[document].share != nullptr,
                 "there is no document {}", document);
  MEMAGENT_CHECK(s.documents[document].episodes == 0, "document {} has {} episodes", document,
                 s.documents[document].episodes);
  s.documents[document].share.reset();
  s.free_documents.push_back(document);
}

std::size_t Runner::add_episode(Episode& episode, std::size_t document, std::uint64_t group) {
  State& s = *state_;
  MEMAGENT_CHECK(document < s.documents.size() && s.documents[document].share != nullptr,
                 "there is no document {}", document);
  const DocumentSource& source = s.documents[document].share->reader().source();
  const EpisodeState& at = episode.state();
  if (at.pass + 1 < episode.config().passes && episode.reading() && !source.rewindable()) {
    fail(ErrorKind::kUsage, "{}: cannot be read {} times: copy it to a file first", source.name(),
         episode.config().passes);
  }
  const std::size_t number = s.new_entry();
  Entry& entry = s.entries[number];
  entry.episode = &episode;
  entry.document = document;
  entry.group = group;
  s.has_groups = s.has_groups || group != 0;
  if (at.next_section > 0) entry.resume_hash = at.prefix_hash;
  ++s.documents[document].episodes;
  s.make_ready(number);
  return number;
}

std::size_t Runner::add_request(GenerationRequest request, std::uint64_t group) {
  State& s = *state_;
  const std::size_t number = s.new_entry();
  Entry& entry = s.entries[number];
  entry.request = std::move(request);
  entry.is_request = true;
  entry.group = group;
  s.has_groups = s.has_groups || group != 0;
  if (!entry.is_asking) s.asking.push(entry.group, number);
  entry.is_asking = true;
  return number;
}

void Runner::cancel(std::size_t number) {
  MEMAGENT_CHECK(number < state_->entries.size(), "there is no episode {}", number);
  state_->end_entry(number);
}

std::int64_t Runner::prompt_tokens_in_flight(std::size_t number) const {
  MEMAGENT_CHECK(number < state_->entries.size(), "there is no episode {}", number);
  std::int64_t tokens = 0;
  for (const auto& [turn_id, request] : state_->entries[number].out) {
    const auto found = state_->in_flight.find(request);
    if (found == state_->in_flight.end() || found->second.discarded) continue;
    tokens += found->second.prompt_tokens;
  }
  return tokens;
}

void Runner::run(RunObserver& observer) {
  state_->observer = &observer;
  try {
    state_->run();
  } catch (...) {
    state_->cancel_all();
    throw;
  }
}

void run_episodes(LanguageModel& model, std::vector<Episode>& episodes, SectionReader& document,
                  RunObserver& observer, const RunnerOptions& options) {
  Runner runner(model, options);
  const std::size_t number = runner.add_document(document);
  for (Episode& episode : episodes) runner.add_episode(episode, number);
  runner.run(observer);
}

void RunObserver::on_conversation(std::size_t, const Episode&, const Conversation&) {}
void RunObserver::on_finished(std::size_t, const Episode&) {}
void RunObserver::on_text(std::size_t, const Episode*, std::string_view) {}
// By value, for observers that keep it.
void RunObserver::on_result(std::size_t, GenerationResult) {}  // NOLINT(performance-*)
AfterFailure RunObserver::on_failed(std::size_t, const Episode&, const Error&) {
  return AfterFailure::kEndRun;
}
void RunObserver::on_tick() {}

}  // namespace memagent
