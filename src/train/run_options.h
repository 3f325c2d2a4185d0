// Where a training run lives, and how it is watched and stopped: the same for every kind of run.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "train/data_parallel.h"

namespace memagent {

struct RunOptions {
  std::string folder;  // run_folder.h
  bool resume = false;
  int threads = 0;                          // 0: one per core
  std::string name = "memagent";            // of the model that is written
  const std::atomic<bool>* stop = nullptr;  // set: write a checkpoint and throw kInterrupted
  // The processes that train together; null: this one alone.
  const DataParallelGroup* group = nullptr;
  std::function<void(const std::string&)> on_warning;
};

// As many as asked for; for 0 one per core.
int num_threads(int threads);
// Sets the threads that tensors are computed with.
void use_threads(int threads);
// Whether this process or another that trains with it has been asked to stop: the same for all.
bool any_stopped(const RunOptions& options, const DataParallelGroup& group);

// Does the work. Memory that is not there becomes Error(kBadInput), which says to lower `what`.
void within_memory(const std::string& what, const std::function<void()>& work);

}  // namespace memagent
