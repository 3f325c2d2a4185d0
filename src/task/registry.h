// Every task by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "task/task.h"

namespace memagent {

struct TaskOptions {
  // A text file whose sentences are the haystack of tasks that use prose; empty: generated prose.
  std::string haystack_file;
  // Those tasks' haystack is text of other kinds than prose (clutter.h), for training.
  bool clutter = false;
};

// In the order in which reports show them: RULER's thirteen, our needles, then the synthetic
// world's.
std::vector<std::string> task_names();
// Names may be groups: "all", "ruler", "niah", "alike", "world". Throws Error(kUsage) for an
// unknown name, suggesting near ones.
std::vector<std::shared_ptr<const Task>> find_tasks(const std::vector<std::string>& names,
                                                    const TaskOptions& options);

}  // namespace memagent
