// Where in a document inserts stand, so that rows together cover the whole depth evenly.
#pragma once

#include <string_view>
#include <vector>

#include "task/task.h"

namespace memagent {

// `count` depths in [0, 1). The first runs through a van der Corput sequence with the row's index:
// of any 2^n rows in succession, one lies in each 2^n-th of the document. The others follow at
// about equal distances, round the end.
std::vector<double> spread_depths(std::string_view task, const SampleSpec& spec, int count);

}  // namespace memagent
