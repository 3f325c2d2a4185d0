// RULER's variable tracking (arXiv 2404.06654, section 3.2): one variable gets a value, four others
// get it from one another, all scattered through noise in that order; which have the value?
#pragma once

#include <memory>

#include "task/task.h"

namespace memagent {

std::shared_ptr<const Task> variable_tracking_task();

}  // namespace memagent
