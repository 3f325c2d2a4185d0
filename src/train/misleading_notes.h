// What a reader notes in error: what a question asks for that is easily taken for its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "task/task.h"

namespace memagent {

// How much two questions have in common at their ends, in bytes: those that name things which are
// easily taken for one another have most.
std::size_t likeness(std::string_view a, std::string_view b);

// One or two notes that a reader may have made in error: those of `others` questions, of one
// document, which `question` does not ask for. `evidence` is what answers it. Empty if there are
// none.
std::string misleading_notes(const std::string& question, const std::vector<Evidence>& evidence,
                             const std::vector<std::unique_ptr<Sample>>& others,
                             RandomStream& random);

}  // namespace memagent
