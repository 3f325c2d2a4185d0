// Ctrl-C, SIGTERM and a closed terminal (SIGHUP) as a flag that a run looks at, and a woken model.
//
// A signal handler can only reach globals, so this file and shrunk_file.cc have the program's only
// mutable ones. At most one Interrupt exists at a time.
#pragma once

#include <atomic>
#include <chrono>

#include "memagent/language_model.h"

namespace memagent {

class Interrupt {
 public:
  // From now on the first signal sets the flag; the second ends the process at once (exit 130).
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // The model to wake when the signal comes; null: none. Must be taken back before it is destroyed.
  void set_model(LanguageModel* model);
  const std::atomic<bool>* flag() const;
  bool stopped() const { return flag()->load(); }
  // Until the first signal or end_wait(), which any thread may call.
  void wait() const;
  void end_wait() const;
  // True if the first signal has come or comes within that time.
  bool wait_for(std::chrono::milliseconds time) const;
};

}  // namespace memagent
