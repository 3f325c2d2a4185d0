#include "server/reading_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "agent/state_json.h"
#include "agent/trace.h"
#include "agent/update_response.h"
#include "base/check.h"
#include "base/hash.h"
#include "server/api_error.h"
#include "text/utf8.h"

namespace memagent {
namespace {

// How long a new reading may wait for a model that is busy with others' results.
constexpr std::int32_t kTickMs = 10;

std::uint64_t group_of(const std::string& client) {
  Hash64 hash;
  hash.update(client);
  return hash.value() | 1;  // not 0, the group of those who have none
}

// What Episodes have used, over all processes they were in.
ReadingTotals spent(const std::vector<Episode>& episodes) {
  ReadingTotals totals;
  for (const Episode& episode : episodes) {
    const EpisodeState& state = episode.state();
    totals.sections += state.sections_read;
    totals.document_tokens += state.document_tokens;
    totals.prompt_tokens += state.prompt_tokens;
    totals.cached_prompt_tokens += state.cached_prompt_tokens;
    totals.generated_tokens += state.generated_tokens;
  }
  return totals;
}

}  // namespace

struct ReadingService::Job {
  std::uint64_t group = 0;
  EventQueue events;
  // One of the two.
  std::vector<Episode> episodes;  // one for each question
  std::optional<SectionReader> document;
  std::optional<GenerationRequest> request;
  std::unique_ptr<HeldSession> session;  // null: nothing is kept
  std::string session_name;
  bool has_client = true;  // under the service's mutex

  // Of the model's thread alone.
  std::vector<std::size_t> numbers;  // the Runner's; of Episodes and requests that have not ended
  std::size_t document_number = 0;   // the Runner's
  bool holds_document = false;       // the Runner's
  bool ended = false;
  std::vector<double> fractions;      // of each question
  std::vector<std::int64_t> changes;  // of each question's memory, as told
  std::vector<StopReason> stops;      // of each question's answer
  AnswerTerms terms;
  ReadingTotals counted;  // of it, in the sums already or from an earlier process
  // By question: all there is of an answer that is being generated, as the model gives it, and of
  // one that was ended at a stop.
  std::map<std::size_t, std::string> so_far;
  std::map<std::size_t, std::string> cut;
  // Of generations that were let go of before their end. They were spent like others.
  std::int64_t dropped_prompt_tokens = 0;
  std::int64_t dropped_generated_tokens = 0;

  ReadingTotals used() const {
    ReadingTotals totals = spent(episodes);
    totals.prompt_tokens += dropped_prompt_tokens;
    totals.generated_tokens += dropped_generated_tokens;
    return totals;
  }
};

ReadingService::Handle::~Handle() {
  if (job_ != nullptr && !job_->events.ended()) service_->release(job_);
}

EventQueue& ReadingService::Handle::events() const { return job_->events; }

void ReadingService::Handle::cancel() const { service_->cancel(job_); }

ReadingService::ReadingService(LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
                               ReadingServiceOptions options)
    : model_(model),
      renderer_(std::move(renderer)),
      options_(options),
      thread_([this] { work(); }) {}

ReadingService::~ReadingService() {
  stop(std::chrono::milliseconds(0));
  thread_.join();
}

ReadingService::Handle ReadingService::read(const std::string& client,
                                            std::vector<Episode> episodes, SectionReader document,
                                            std::unique_ptr<HeldSession> session,
                                            AnswerTerms terms) {
  MEMAGENT_CHECK(!episodes.empty(), "a reading without a question for {}", client);
  auto job = std::make_shared<Job>();
  job->group = group_of(client);
  for (const Episode& episode : episodes) {
    job->fractions.push_back(episode.state().reading_done ? 1 : 0);
    job->changes.push_back(0);
    job->stops.push_back(StopReason::kEnd);
  }
  job->counted = spent(episodes);
  job->episodes = std::move(episodes);
  job->document.emplace(std::move(document));
  if (session != nullptr) job->session_name = session->name;
  job->session = std::move(session);
  job->terms = std::move(terms);
  return submit(std::move(job));
}

ReadingService::Handle ReadingService::generate(const std::string& client,
                                                GenerationRequest request, AnswerTerms terms) {
  auto job = std::make_shared<Job>();
  job->group = group_of(client);
  job->request = std::move(request);
  job->terms = std::move(terms);
  return submit(std::move(job));
}

ReadingService::Handle ReadingService::submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw ApiError(503, "the server is shutting down: try again later");
    if (totals_.active >= options_.max_concurrent) {
      throw ApiError(429,
                     fmt::format("{} requests are under way, as many as the server takes: try "
                                 "again later",
                                 totals_.active),
                     "", "too_many_requests");
    }
    ++totals_.active;
    submitted_.push_back(job);
    if (job->session != nullptr) sessions_[job->session_name] = job;
  }
  changed_.notify_all();
  model_.wake();
  return Handle(*this, std::move(job));
}

// The client has gone.
void ReadingService::release(const std::shared_ptr<Job>& job) {
  {
    const std::lock_guard lock(mutex_);
    job->has_client = false;
    if (!job->session_name.empty() && !stopping_) return;
  }
  cancel(job);
}

void ReadingService::cancel_session(const std::string& name) {
  std::unique_lock lock(mutex_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return;
  const std::shared_ptr<Job> job = found->second;
  cancelled_.push_back(job);
  changed_.notify_all();
  model_.wake();
  changed_.wait(lock, [&] {
    const auto now = sessions_.find(name);
    return now == sessions_.end() || now->second != job;
  });
}

void ReadingService::cancel(const std::shared_ptr<Job>& job) {
  {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(job);
  }
  changed_.notify_all();
  model_.wake();
}

void ReadingService::stop(std::chrono::milliseconds grace) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (const auto& [name, job] : sessions_) {
      if (!job->has_client) cancelled_.push_back(job);
    }
    model_.wake();
    changed_.notify_all();
    changed_.wait_for(lock, grace, [this] { return totals_.active == 0; });
  }
  stop_now_ = true;
  model_.wake();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return totals_.active == 0; });
}

ReadingTotals ReadingService::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

void ReadingService::work() {
  RunnerOptions options;
  options.max_in_flight = options_.max_in_flight;
  options.tick_ms = kTickMs;
  options.reuse_numbers = true;
  options.watch_text = true;
  options.stop = &stop_now_;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock,
                    [this] { return !submitted_.empty() || !cancelled_.empty() || stopping_; });
      if (stopping_ && totals_.active == 0) return;
    }
    if (runner_ == nullptr) runner_ = std::make_unique<Runner>(model_, options);
    try {
      take_submissions();
      runner_->run(*this);
      free_ended();
    } catch (const Error& error) {
      fail_all(error.kind() == ErrorKind::kInterrupted
                   ? Error(error.kind(), "the server is shutting down: try again later")
                   : error);
    } catch (const std::exception& error) {
      fail_all({ErrorKind::kModel,
                fmt::format("a fault of memagent's own, please report it: {}", error.what())});
    }
  }
}

// Hands the Runner what has come, and takes from it what is no longer wanted.
void ReadingService::take_submissions() {
  std::vector<std::shared_ptr<Job>> submitted;
  std::vector<std::shared_ptr<Job>> cancelled;
  {
    const std::lock_guard lock(mutex_);
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
  }
  for (const std::shared_ptr<Job>& job : submitted) {
    try {
      start(job);
    } catch (const Error& error) {
      let_go(*job);
      ReadingOutcome outcome;
      outcome.error = error;
      end(job, std::move(outcome));
    }
  }
  for (const std::shared_ptr<Job>& job : cancelled) {
    if (job->ended) continue;
    let_go(*job);
    ReadingOutcome outcome = outcome_of(*job);
    outcome.stop = StopReason::kCancelled;
    end(job, std::move(outcome));
  }
}

void ReadingService::start(const std::shared_ptr<Job>& job) {
  const auto started = [&](std::size_t number, std::size_t question) {
    job->numbers.push_back(number);
    running_[number] = {job, question};
  };
  if (job->request) {
    return started(runner_->add_request(std::move(*job->request), job->group), 0);
  }
  job->document_number = runner_->add_document(*job->document);
  job->holds_document = true;
  for (std::size_t i = 0; i < job->episodes.size(); ++i) {
    started(runner_->add_episode(job->episodes[i], job->document_number, job->group), i);
  }
}

// Takes what has not ended of it from the Runner.
void ReadingService::let_go(Job& job) {
  while (!job.numbers.empty()) drop(job, job.numbers.back());
}

void ReadingService::drop(Job& job, std::size_t number) {
  job.dropped_prompt_tokens += runner_->prompt_tokens_in_flight(number);
  const auto text = job.so_far.find(running_.at(number).question);
  if (text != job.so_far.end()) {
    job.dropped_generated_tokens += renderer_->count_tokens(text->second);
  }
  runner_->cancel(number);
  running_.erase(number);
  std::erase(job.numbers, number);
}

// Not from within on_text(): the model is in the middle of its results then.
void ReadingService::end_stopped() {
  for (const auto& [number, job] : std::exchange(stopped_, {})) {
    const auto& numbers = job->numbers;
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) continue;  // has ended
    drop(*job, number);
    if (numbers.empty()) end(job, outcome_of(*job));
  }
}

void ReadingService::free_ended() {
  for (const std::shared_ptr<Job>& job : ended_) {
    runner_->remove_document(job->document_number);
    job->episodes.clear();
    job->document.reset();
  }
  ended_.clear();
}

ReadingOutcome ReadingService::outcome_of(const Job& job) const {
  ReadingOutcome outcome;
  for (const Episode& episode : job.episodes) {
    const EpisodeState& state = episode.state();
    outcome.prompt_tokens += state.prompt_tokens;
    outcome.cached_prompt_tokens += state.cached_prompt_tokens;
    outcome.generated_tokens += state.generated_tokens;
    outcome.states.push_back(state);
  }
  outcome.prompt_tokens += job.dropped_prompt_tokens;
  outcome.generated_tokens += job.dropped_generated_tokens;
  const auto answer = [&](std::size_t question) -> ReadingOutcome::Answer {
    const auto cut = job.cut.find(question);
    if (cut != job.cut.end()) return {cut->second, StopReason::kEnd};
    if (job.episodes.empty()) return {"", StopReason::kEnd};
    return {outcome.states[question].answer, job.stops[question]};
  };
  auto [text, stop] = answer(0);
  outcome.text = std::move(text);
  outcome.stop = stop;
  for (std::size_t i = 1; i < outcome.states.size(); ++i) outcome.more.push_back(answer(i));
  if (job.document) outcome.repaired_sequences = job.document->repaired_sequences();
  return outcome;
}

// Adds what is new of a job's `so_far` to the sums and to its key's.
void ReadingService::count(Job& job, const ReadingTotals& so_far) {
  const ReadingTotals before = std::exchange(job.counted, so_far);
  {
    const std::lock_guard lock(mutex_);
    totals_.sections += so_far.sections - before.sections;
    totals_.document_tokens += so_far.document_tokens - before.document_tokens;
    totals_.prompt_tokens += so_far.prompt_tokens - before.prompt_tokens;
    totals_.cached_prompt_tokens += so_far.cached_prompt_tokens - before.cached_prompt_tokens;
    totals_.generated_tokens += so_far.generated_tokens - before.generated_tokens;
  }
  if (job.terms.use != nullptr) {
    job.terms.use->add_tokens(so_far.prompt_tokens - before.prompt_tokens,
                              so_far.generated_tokens - before.generated_tokens);
  }
}

void ReadingService::end(const std::shared_ptr<Job>& job, ReadingOutcome outcome) {
  job->ended = true;
  if (job->session != nullptr && outcome.error) note_failure(*job, *outcome.error);
  job->session.reset();
  if (job->request) {
    count(*job, {.prompt_tokens = outcome.prompt_tokens,
                 .cached_prompt_tokens = outcome.cached_prompt_tokens,
                 .generated_tokens = outcome.generated_tokens});
  } else {
    count(*job, job->used());
  }
  job->terms.use.reset();
  if (job->holds_document) ended_.push_back(job);
  {
    const std::lock_guard lock(mutex_);
    --totals_.active;
    // Whoever waited for the session to be given back may be reading it again.
    const auto named = sessions_.find(job->session_name);
    if (named != sessions_.end() && named->second == job) sessions_.erase(named);
    ++(outcome.stop == StopReason::kCancelled ? totals_.cancelled
       : outcome.error                        ? totals_.failed
                                              : totals_.finished);
  }
  job->events.put_outcome(std::move(outcome));
  changed_.notify_all();
}

void ReadingService::note_failure(Job& job, const Error& error) {
  if (error.kind() == ErrorKind::kInterrupted) return;
  try {
    job.session->session->failed(error);
  } catch (const Error&) {  // the failure under way is the one to report
  }
}

// After the Runner has failed as a whole: it has let go of everything.
void ReadingService::fail_all(const Error& error) {
  // Held until the Runner is gone, which borrows from them.
  const std::map<std::size_t, Running> all = std::exchange(running_, {});
  for (const auto& [number, running] : all) {
    const std::shared_ptr<Job>& job = running.job;
    if (job->ended) continue;
    job->numbers.clear();
    job->holds_document = false;
    ReadingOutcome outcome = outcome_of(*job);
    outcome.error = error;
    end(job, std::move(outcome));
  }
  runner_.reset();
  stopped_.clear();
  ended_.clear();
}

void ReadingService::on_conversation(std::size_t number, const Episode& episode,
                                     const Conversation& conversation) {
  const auto [held, question] = running_.at(number);
  Job& job = *held;
  count(job, job.used());
  try {
    if (job.session != nullptr) keep_step(job, question, conversation);
  } catch (const Error& error) {
    // A disk that is full is this reading's affair, not the others'.
    let_go(job);
    ReadingOutcome outcome = outcome_of(job);
    outcome.error = error;
    return end(held, std::move(outcome));
  }
  if (conversation.kind == ConversationKind::kAnswer) {
    job.stops[question] = conversation.response.stop;
    job.so_far.erase(question);  // is counted with the others
    return;
  }
  const EpisodeState& state = episode.state();
  const std::int64_t total = job.document->source().total_bytes();
  if (state.reading_done) {
    job.fractions[question] = 1;
  } else if (total > 0) {
    const double of_pass = std::min(
        1.0, static_cast<double>(conversation.section_byte_end) / static_cast<double>(total));
    job.fractions[question] = (conversation.pass + of_pass) / episode.config().passes;
  }
  ReadingProgress progress;
  for (const Episode& one : job.episodes) {
    progress.sections = std::max(progress.sections, one.state().sections_read);
    progress.document_tokens = std::max(progress.document_tokens, one.state().document_tokens);
  }
  const double mean = std::accumulate(job.fractions.begin(), job.fractions.end(), 0.0) /
                      static_cast<double>(job.fractions.size());
  if (total > 0 || mean >= 1) progress.fraction = mean;
  if (job.changes[question] != state.memory_changes) {
    job.changes[question] = state.memory_changes;
    progress.memory_changed = true;
    progress.question = question;
    progress.memory = state.memory.text;
    progress.section = conversation.section_index;
    progress.byte_begin = conversation.section_byte_begin;
    progress.byte_end = conversation.section_byte_end;
  }
  job.events.put_progress(std::move(progress));
}

void ReadingService::keep_step(Job& job, std::size_t question, const Conversation& conversation) {
  Session& session = *job.session->session;
  session.commit(question, to_json(job.episodes[question].state()),
                 trace_line(question, conversation));
  if (std::all_of(job.episodes.begin(), job.episodes.end(),
                  [](const Episode& episode) { return episode.state().finished; })) {
    session.finish();
  }
}

void ReadingService::on_finished(std::size_t number, const Episode&) {
  const std::shared_ptr<Job> job = running_.at(number).job;
  running_.erase(number);
  std::erase(job->numbers, number);
  if (job->numbers.empty()) end(job, outcome_of(*job));
}

void ReadingService::on_text(std::size_t number, const Episode* episode, std::string_view so_far) {
  const Running& running = running_.at(number);
  Job& job = *running.job;
  if (job.cut.contains(running.question)) return;
  job.so_far[running.question] = so_far;
  if (episode != nullptr) so_far = answer_so_far(*renderer_, so_far);
  // A character that is not whole yet comes with the next text.
  so_far.remove_suffix(incomplete_tail(so_far));
  if (so_far.empty()) return;
  job.events.put_text(running.question, so_far);
  const std::vector<std::string>& stop = job.terms.stop;
  if (job.session == nullptr && std::any_of(stop.begin(), stop.end(), [&](const std::string& text) {
        return so_far.find(text) != std::string_view::npos;
      })) {
    job.cut[running.question] = so_far;
    stopped_.emplace_back(number, running.job);
  }
}

void ReadingService::on_result(std::size_t number, GenerationResult result) {
  ReadingOutcome outcome;
  outcome.text = std::move(result.text);
  outcome.stop = result.stop;
  outcome.prompt_tokens = result.prompt_tokens;
  outcome.cached_prompt_tokens = result.cached_prompt_tokens;
  outcome.generated_tokens = result.generated_tokens;
  if (result.stop == StopReason::kFailed || result.stop == StopReason::kCancelled) {
    outcome.stop = StopReason::kFailed;
    outcome.error.emplace(ErrorKind::kModel, result.error.empty()
                                                 ? "the model gave no answer: try again"
                                                 : result.error);
  }
  const std::shared_ptr<Job> job = running_.at(number).job;
  running_.erase(number);
  job->numbers.clear();
  end(job, std::move(outcome));
}

AfterFailure ReadingService::on_failed(std::size_t number, const Episode&, const Error& error) {
  const std::shared_ptr<Job> job = running_.at(number).job;
  running_.erase(number);
  std::erase(job->numbers, number);
  let_go(*job);
  ReadingOutcome outcome = outcome_of(*job);
  outcome.error = error;
  end(job, std::move(outcome));
  return AfterFailure::kEndEpisode;
}

void ReadingService::on_tick() {
  take_submissions();
  end_stopped();
  free_ended();
}

}  // namespace memagent
