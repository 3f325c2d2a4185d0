// Drives many Episodes over one LanguageModel.
//
// Episodes over the same document share one reading of it: sections are held only while some
// Episode may still want them, so memory does not grow with the document.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "memagent/document.h"
#include "memagent/episode.h"
#include "memagent/language_model.h"

namespace memagent {

// Called on the runner's thread. An exception from a callback ends the run and passes through.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  // A step was accepted; nothing that depends on it has been asked for yet.
  virtual void on_conversation(std::size_t episode, const Episode& state,
                               const Conversation& conversation);
  virtual void on_finished(std::size_t episode, const Episode& state);
  // At least every `RunnerOptions::tick_ms` while waiting, for progress bars.
  virtual void on_tick();
};

struct RunnerOptions {
  std::int32_t max_in_flight = 0;     // 0: Capabilities::parallel
  std::int32_t section_window = 256;  // sections the fastest Episode may be ahead of the slowest
  std::int32_t tick_ms = 100;
  std::int32_t max_failures = 3;  // consecutive failed generations of one Episode that end the run
  const std::atomic<bool>* stop = nullptr;  // set: finish the commit under way, throw kInterrupted
};

class Runner {
 public:
  Runner(LanguageModel& model, RunnerOptions options);
  // Runs all episodes over one document until all are finished. Throws Error(kInterrupted) when
  // stopped, Error(kModel) when an Episode's generations keep failing; accepted steps stay
  // accepted.
  void run(std::vector<Episode>& episodes, SectionReader& document, RunObserver& observer);

 private:
  LanguageModel& model_;
  RunnerOptions options_;
};

}  // namespace memagent
