// Needles and questions in other words than the usual ones. The splits share no wording, so that a
// model that has learnt from one is asked and told in words that are new to it.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "task/task.h"

namespace memagent {

// A sentence that gives `key` the value; `what` is "number" or "code".
std::string worded_needle(RandomStream& draw, Split split, std::string_view what,
                          std::string_view key, std::string_view value);
std::string worded_question(RandomStream& draw, Split split, std::string_view what,
                            std::string_view key);

}  // namespace memagent
