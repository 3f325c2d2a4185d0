// Scores a response against the accepted answers by rule, without a model.
//
// Normalisation, exact match and token F1 are those of the official scripts of SQuAD 1.1 and
// HotpotQA; containment is RULER's metric (arXiv 2404.06654). One rule differs on purpose: text is
// compared as whole words, and an empty text matches nothing, so that a fragment of an answer, or
// nothing at all, is never right.
//
// Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "task/row.h"

namespace memagent {

// Case, articles, punctuation, white space, Unicode forms.
std::string normalise_answer(std::string_view text);

// The part of a response that is its answer: the last \boxed{...}, what follows the last "answer
// is" or "Answer:", else all of it, trimmed. Reasoning in <think>...</think> is left out.
std::string extract_answer(std::string_view response);

// 1 if the two are the same after normalisation, else 0.
double exact_match(std::string_view answer, std::string_view accepted);
// Harmonic mean of precision and recall over normalised words; where either side is one of "yes",
// "no", "noanswer", only equality counts (HotpotQA).
double token_f1(std::string_view answer, std::string_view accepted);
// 1 if `accepted` stands in `text` as whole words after normalisation, else 0.
double contains_answer(std::string_view text, std::string_view accepted);

struct Verdict {
  // What evaluation reports and training rewards, in [0, 1]. kAny: the best over accepted answers.
  // kAll: the share of answers that are contained.
  double score = 0;
  double exact_match = 0;  // of the extracted answer: best over answers; kAll: 0 or 1, all of them
  double f1 = 0;
  std::string extracted;
  // The response gives far more than an answer (a list of everything): its score is 0 whatever it
  // contains.
  bool excessive = false;
};

struct VerifierOptions {
  // kAny is scored by containment of an accepted answer in the extracted answer (RULER), or by
  // exact match or F1 of it (SQuAD, HotpotQA).
  enum class Metric { kContainment, kExactMatch, kF1 } metric = Metric::kContainment;
};

Verdict verify(std::string_view response, std::span<const std::string> answers, Match match,
               const VerifierOptions& options = {});

}  // namespace memagent
