// Answers as words that can be compared.
//
// Built on the official normalisation of SQuAD 1.1 and HotpotQA: lower case; punctuation deleted;
// the words "a", "an", "the" deleted; white space made single spaces. Added to it:
//   - Unicode: compatibility forms, case folding, every language's punctuation and spaces
//   (utf8proc),
//     so that full-width digits and typographic quotes compare like plain ones. Accents count.
//   - A point between digits stays, as 3.5 is not 35.
//   - A text of nothing but articles and punctuation ("A", "The The") keeps its articles, so that
//   it
//     can be an answer at all.
//
// Time is linear in the text. Invalid UTF-8 counts as U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

enum class Punctuation {
  kDeleted,                  // "New-York" is "newyork": the official rule
  kDeletedButBetweenDigits,  // "New-York 3-5" is "newyork 3 5": no number that is not there
  kSpaces,  // "New-York" is "new york"; "'" and a thousands separator are deleted all the same
};

// Words separated by single spaces; empty if there are none.
std::string normalised_words(std::string_view text, Punctuation punctuation);

}  // namespace memagent
