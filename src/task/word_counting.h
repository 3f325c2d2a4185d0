// RULER's aggregation tasks (arXiv 2404.06654, section 3.3): which words come most often?
//
// Common words (cwe): a numbered list in which ten words stand 30 times each and all others 3
// times. Frequent words (fwe): a text of coded words whose frequencies follow Zipf's law with
// exponent 2; the most frequent is "...", which does not count, the next three are asked for.
//
// Both are shuffled by a keyed permutation, so that any place of the list is known without the
// others. An example in the prompt, which RULER gives for common words, is left to prompts.
#pragma once

#include <memory>

#include "task/task.h"

namespace memagent {

std::shared_ptr<const Task> common_words_task();
std::shared_ptr<const Task> frequent_words_task();

}  // namespace memagent
