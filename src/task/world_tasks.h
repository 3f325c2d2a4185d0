// The tasks over the synthetic world of src/task/world: single-hop, multi-hop, comparison and
// unanswerable questions over encyclopedia-like paragraphs.
#pragma once

#include <memory>
#include <vector>

#include "task/task.h"

namespace memagent {

// qa_1 and qa_2 (RULER's places for SQuAD and HotpotQA), world_bridge_2 to world_bridge_4,
// world_comparison, world_bridge_comparison, world_unanswerable. docs/tasks.md describes them.
std::vector<std::shared_ptr<const Task>> world_tasks();

}  // namespace memagent
