// A question of two hops in the words of needles: a name's number is said to be another name's, and
// that one's number comes later. The least that a reader cannot answer from one place, and what
// variable tracking (variable_tracking.h) does not ask: to know from the memory alone what is being
// looked for next.
#pragma once

#include <memory>

#include "task/haystack.h"
#include "task/task.h"

namespace memagent {

// "relay". `prose` makes the haystack.
std::shared_ptr<const Task> relay_task(MakeProse prose);

}  // namespace memagent
