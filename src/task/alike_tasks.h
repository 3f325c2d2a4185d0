// Needles whose keys are hard to tell apart: harder than RULER's, and what a reader is best trained
// on that must not take one name for another in thousands of sections.
#pragma once

#include <memory>
#include <vector>

#include "task/haystack.h"
#include "task/task.h"

namespace memagent {

std::vector<std::shared_ptr<const Task>> alike_tasks(const MakeProse& prose);

}  // namespace memagent
