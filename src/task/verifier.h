// Scores a response against the accepted answers by rule, without a model.
//
// Normalisation, exact match and token F1 are those of the official scripts of SQuAD 1.1 and
// HotpotQA (answer_text.h); containment is RULER's metric (arXiv 2404.06654). What differs, so that
// nothing is right by accident: text is contained as whole words; an empty text matches nothing;
// "yes" is not contained in a text that also says "no"; a response that lists everything is worth
// nothing (Verdict::excessive).
//
// Pure functions. verify() takes time linear in the response; the measures alone are meant for
// texts of an answer's or a memory's size.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "task/row.h"

namespace memagent {

// The official normalisation; see answer_text.h for what is added to it.
std::string normalise_answer(std::string_view text);

// The part of a response that is its answer: the last \boxed{...}, else what follows the last "the
// answer is", "Answer:" or "Final answer:" up to an empty line, else all of it; without white
// space, quotes and emphasis around it. Reasoning, up to the last </think>, is left out; reasoning
// that never ends leaves nothing.
std::string extract_answer(std::string_view response);

// 1 if the two are the same after normalisation, else 0.
double exact_match(std::string_view answer, std::string_view accepted);
// Harmonic mean of precision and recall over normalised words; where either side is one of "yes",
// "no", "noanswer", only equality counts (HotpotQA).
double token_f1(std::string_view answer, std::string_view accepted);
// 1 if `accepted` stands in `text` as whole words after normalisation, else 0. Punctuation within
// either may be nothing or a space: "quiet-lantern: 7" contains "quiet lantern" and "7"; but never
// nothing between digits: "3-5" does not contain "35".
double contains_answer(std::string_view text, std::string_view accepted);

// A text in which many answers are looked for: normalised once.
class AnswerText {
 public:
  explicit AnswerText(std::string_view text);
  // As contains_answer(text, accepted).
  bool contains(std::string_view accepted) const;

 private:
  std::string joined_;  // with a space before and behind, so that every word has both
  std::string spaced_;
};

struct Verdict {
  // What evaluation reports and training rewards, in [0, 1]. kAny: the best over accepted answers.
  // kAll: the share of answers that are contained.
  double score = 0;
  double exact_match = 0;  // of the extracted answer: best over answers; kAll: 0 or 1, all of them
  double f1 = 0;           // kAll: against all answers together
  std::string extracted;
  // The extracted answer has more than 100 words and 10 for each word of the accepted answers; or
  // it is a list (at commas, semicolons, line ends) of more than 8 different items and 3 for each
  // accepted answer, where any will do for each item of the longest; or these are numbers or codes
  // (single words with a digit) and it has more than 3 different such words and 3 for each accepted
  // answer. Its score is 0 whatever it contains. So has one of more than 16 KiB and 16 bytes for
  // each byte of the accepted answers, which is not even normalised: what a response costs to score
  // is bounded whatever it holds.
  bool excessive = false;
};

struct VerifierOptions {
  // kAny is scored by containment of an accepted answer in the extracted answer (RULER), or by
  // exact match or F1 of it (SQuAD, HotpotQA).
  enum class Metric { kContainment, kExactMatch, kF1 } metric = Metric::kContainment;
};

Verdict verify(std::string_view response, std::span<const std::string> answers, Match match,
               const VerifierOptions& options = {});
// The same for a row's answers; 0 where the answer names what the row rejects.
Verdict verify(std::string_view response, const Row& row, const VerifierOptions& options = {});

}  // namespace memagent
