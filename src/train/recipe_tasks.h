// The tasks that a recipe names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "task/registry.h"
#include "train/recipe.h"

namespace memagent {

// In the recipe's order, found together, so that a haystack's file is read once. Null for a name
// that stands for something else than a task (recipe.h).
std::vector<std::shared_ptr<const Task>> tasks_of(const std::vector<TaskWeight>& named,
                                                  const TaskOptions& options);
// The same, with the data set of these files for the name "data".
std::vector<std::shared_ptr<const Task>> tasks_of(const std::vector<TaskWeight>& named,
                                                  const TaskOptions& options,
                                                  const DataConfig& data);

}  // namespace memagent
