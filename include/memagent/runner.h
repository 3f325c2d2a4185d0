// Drives many Episodes, over one or many documents, with one LanguageModel.
// Requests of their own kind (a chat that needs no reading) take turns with them.
//
// Episodes over the same document share one reading of it: sections are held only while some
// Episode may still want them, so memory does not grow with the document. Episodes take turns
// asking the model, one request each, oldest asker first; where they belong to groups (the clients
// of a server), groups take turns and a group's Episodes share its turns. The work per event (a
// result, a section, a request) does not depend on how many Episodes there are.
//
// Used by the thread that owns the model. Other threads set `stop` and call LanguageModel::wake().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "memagent/document.h"
#include "memagent/episode.h"
#include "memagent/error.h"
#include "memagent/language_model.h"

namespace memagent {

// What to do with an Episode that cannot go on.
enum class AfterFailure {
  kEndRun,      // throw the error out of Runner::run()
  kEndEpisode,  // leave this Episode where it is, go on with the others
  kSkipStep,    // accept the step as Decision::kFailed and go on; kEndEpisode where the document or
                // the Episode itself is at fault
};

// Called on the runner's thread, from within Runner::run(). Callbacks may add documents and
// Episodes to the Runner. An exception from a callback ends the run and passes through.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  // A step was accepted; `state` is the Episode just after it, and nothing that depends on the step
  // has been asked for yet.
  virtual void on_conversation(std::size_t episode, const Episode& state,
                               const Conversation& conversation);
  virtual void on_finished(std::size_t episode, const Episode& state);
  // With RunnerOptions::watch_text: a response grows, of a request of add_request() or, where
  // `episode` is not null, of an Episode's answer conversation. `so_far` is all there is of it.
  virtual void on_text(std::size_t number, const Episode* episode, std::string_view so_far);
  // A request of add_request() has its result; failures are results, too.
  virtual void on_result(std::size_t request, GenerationResult result);
  // max_failures generations of this Episode failed in a row (kModel), its document could not be
  // read (kBadInput) or is not the one its state was saved with (kUsage), or the model refuses its
  // requests (kUsage).
  virtual AfterFailure on_failed(std::size_t episode, const Episode& state, const Error& error);
  // At least every RunnerOptions::tick_ms while waiting, for progress bars, and after a wake().
  virtual void on_tick();
};

struct RunnerOptions {
  std::int32_t max_in_flight = 0;     // requests; 0: Capabilities::parallel
  std::int32_t section_window = 256;  // sections the fastest Episode may be ahead of the slowest
  std::int32_t tick_ms = 100;
  std::int32_t max_failures = 3;  // consecutive failed generations of one Episode: on_failed()
  // Gives the numbers of Episodes and requests that have ended to new ones, so that a Runner that
  // never ends does not grow. Off: every number is given once.
  bool reuse_numbers = false;
  bool watch_text = false;                  // call RunObserver::on_text
  const std::atomic<bool>* stop = nullptr;  // set: finish the commit under way, throw kInterrupted
};

class Runner {
 public:
  Runner(LanguageModel& model, RunnerOptions options);
  ~Runner();  // cancels what it still has in flight
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // A document to read, at its first section. Borrowed until the Runner is gone, or all Episodes
  // over it are finished, have failed or were cancelled. Numbered from 0.
  std::size_t add_document(SectionReader& document);
  // Forgets a document none of whose Episodes is left; its number may be given again.
  void remove_document(std::size_t document);
  // An Episode over one of the documents, fresh or restored. Borrowed until it is finished, has
  // failed or was cancelled. Numbered from 0. Throws Error(kUsage) if its passes need a document
  // that can be read again and this one cannot.
  std::size_t add_episode(Episode& episode, std::size_t document, std::uint64_t group = 0);
  // One generation, asked for in turn with those of Episodes and numbered among them.
  std::size_t add_request(GenerationRequest request, std::uint64_t group = 0);
  // Lets go of an Episode or a request that has not ended: nothing more is heard of it. Others may
  // be cancelled from callbacks, too.
  void cancel(std::size_t number);
  // Tokens of the prompts that one has in flight and wants the results of: what cancel() would let
  // go of unheard. Where only the server behind knows the tokens, one for every four bytes.
  std::int64_t prompt_tokens_in_flight(std::size_t number) const;
  // Until every Episode and request has ended; then nothing of the Runner's is in flight.
  // Throws Error(kInterrupted) when stopped, and what on_failed() says to throw. Accepted steps
  // stay accepted: after an exception make new Episodes from the old ones' state() and a new
  // Runner.
  void run(RunObserver& observer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All episodes over one document; an Episode's number is its place in the vector.
void run_episodes(LanguageModel& model, std::vector<Episode>& episodes, SectionReader& document,
                  RunObserver& observer, const RunnerOptions& options = {});

}  // namespace memagent
