// The ideal reader of tasks that count words: it knows beforehand which ones matter and keeps how
// often each has come so far, a line a word.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "task/task.h"

namespace memagent {

// `words`: the answers; words of the document are what stands between white space.
std::unique_ptr<Oracle> counting_oracle(std::vector<std::string> words,
                                        std::int64_t document_bytes);

}  // namespace memagent
