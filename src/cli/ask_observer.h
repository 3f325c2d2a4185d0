// What happens around a reading as it goes: each accepted step is committed, traced and shown.
//
// Knows the runner's events and where to send them; nothing about models or flags.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "memagent/runner.h"
#include "memagent/session_store.h"

namespace memagent {

// A trace file: one JSON line per conversation, whole lines even if the process is killed.
class TraceFile {
 public:
  // Throws Error(kStorage) if it cannot be written. What an earlier run left in it stays until
  // start(): this run may yet be refused.
  explicit TraceFile(std::string path);
  void start();
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;
  void write(std::string_view line);

 private:
  [[noreturn]] void cannot_write() const;
  std::string path_;
  std::FILE* file_ = nullptr;
};

struct AskObserverOptions {
  bool progress = false;  // a bar on standard error
  bool watch = false;
  bool colour = false;
  bool trace_prompts = false;
  std::int64_t total_bytes = -1;  // of the document
  std::int32_t passes = 1;
  std::function<double()> seconds;  // since the run began
};

class AskObserver : public RunObserver {
 public:
  // `session` and `trace` may be null; borrowed.
  AskObserver(std::vector<Episode>& episodes, Session* session, TraceFile* trace,
              AskObserverOptions options);
  ~AskObserver() override;

  void on_conversation(std::size_t episode, const Episode& state,
                       const Conversation& conversation) override;
  void on_finished(std::size_t episode, const Episode& state) override;
  void on_tick() override;
  // Takes the progress bar off the screen.
  void clear();

 private:
  struct Progress {
    double fraction = 0;
    double fraction_resumed = -1;  // -1: not known yet
    std::int64_t tokens_resumed = 0;
    std::string memory;
  };

  void draw();
  double fraction_at(const Conversation& conversation, std::int64_t byte) const;
  void show_memory(std::size_t episode, const Episode& state, const Conversation& conversation);

  std::vector<Episode>& episodes_;
  Session* session_;
  TraceFile* trace_;
  AskObserverOptions options_;
  std::vector<Progress> progress_;
  bool drawn_ = false;
};

}  // namespace memagent
