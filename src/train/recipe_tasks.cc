#include "train/recipe_tasks.h"

#include <algorithm>

#include "task/data_set.h"

namespace memagent {

std::vector<std::shared_ptr<const Task>> tasks_of(const std::vector<TaskWeight>& named,
                                                  const TaskOptions& options) {
  const std::vector<std::string> known = task_names();
  const auto is_task = [&](const TaskWeight& task) {
    return std::ranges::find(known, task.task) != known.end();
  };
  std::vector<std::string> names;
  for (const TaskWeight& task : named) {
    if (is_task(task)) names.push_back(task.task);
  }
  const auto found = find_tasks(names, options);
  auto next = found.begin();
  std::vector<std::shared_ptr<const Task>> tasks;
  for (const TaskWeight& task : named) tasks.push_back(is_task(task) ? *next++ : nullptr);
  return tasks;
}

std::vector<std::shared_ptr<const Task>> tasks_of(const std::vector<TaskWeight>& named,
                                                  const TaskOptions& options,
                                                  const DataConfig& data) {
  auto tasks = tasks_of(named, options);
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (named[i].task != kDataTask) continue;
    DataSetOptions files;
    files.path = data.path;
    if (!data.distractors.empty()) files.distractor_files = {data.distractors};
    tasks[i] = open_data_set(files);
  }
  return tasks;
}

}  // namespace memagent
