// The tasks of RULER (arXiv 2404.06654) that are generated without a world: thirteen but for the
// two of questions and answers. Parameters are RULER's own; sentences and words are ours.
#pragma once

#include <memory>
#include <vector>

#include "task/haystack.h"
#include "task/task.h"

namespace memagent {

// In RULER's order.
std::vector<std::shared_ptr<const Task>> ruler_tasks(const MakeProse& prose);

}  // namespace memagent
