// The ideal reader of the most frequent words, as far as one pass and a few lines let it be: it
// counts, and knows nothing that it has not read.
//
// Its memory is the five words met most often so far with their counts, a line each, most frequent
// first. A section's words are added to the counts of those in the memory; others compete with what
// they count in that section alone, as they would for a reader that has forgotten them. Once the
// first word has been counted a hundred times the order is taken as settled and nothing changes any
// more. The answer is the words of the first lines. Departs from counting_oracle.h, which is told
// beforehand what to count: that cannot be learnt.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "task/task.h"

namespace memagent {

struct WordCount {
  std::string word;
  std::int64_t count = 0;
};

// The five with the greatest counts, those first; of equals the one that was there first.
void keep_most_frequent(std::vector<WordCount>& counts);

// `begun`: the memory it begins with, as keep_most_frequent() leaves it.
std::unique_ptr<Oracle> frequency_oracle(std::vector<WordCount> begun, std::size_t asked,
                                         std::int64_t document_bytes);

}  // namespace memagent
