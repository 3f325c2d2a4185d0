// The ideal reader of the most frequent words, as far as one pass and a few lines let it be: it
// lets sections vote, and knows nothing that it has not read.
//
// Its memory is a line for each of the first eleven sections, with the three words that are most
// frequent in that section alone ("- a, b, c"), most frequent first. The answer is the words that
// are named most often in the memory. Nothing is ever counted on from an earlier section, so that
// the one thing to be learnt is to see which words of a text, or of a memory, come most often. Of
// equals, the one that comes first. The fourth of words by Zipf's law, exponent 2, is then told
// from the fifth some nine times in ten, with sections of 70 words. Departs from
// counting_oracle.h, which is told beforehand what to count: that cannot be learnt.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "task/task.h"

namespace memagent {

inline constexpr std::size_t kFrequencyVotes = 11;  // that are taken
inline constexpr std::size_t kFrequencyWords = 3;   // of a vote, and of the answer

// Of words in the order that they come in; fewer if there are.
using FrequencyVote = std::vector<std::string>;
FrequencyVote most_frequent(const std::vector<std::string>& words);

// `begun`: votes that have been taken.
std::unique_ptr<Oracle> frequency_oracle(std::vector<FrequencyVote> begun,
                                         std::int64_t document_bytes);

}  // namespace memagent
