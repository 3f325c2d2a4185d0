// What questions are made of, as tables: for every fact how it is asked about and how its value is
// described, and for comparisons how two values are set against each other.
//
// {x} is what a question is about: a name or a description in its turn ("the director of the film
// ..."), so that chains of any length are put together from the same parts. {a} and {b} are the two
// sides of a comparison. Tables only: questions.h chooses and fills in.
#pragma once

#include <string_view>
#include <vector>

#include "task/world/entity.h"
#include "task/world/facts.h"

namespace memagent::world {

using Wordings = std::vector<std::string_view>;

struct FactWordings {
  Fact fact;
  Wordings questions;       // "Who directed {x}?"; empty: not asked about
  Wordings year_questions;  // of a date: "In which year was {x} born?"
  Wordings descriptions;    // of the value, for links: "the director of {x}"
  Wordings reverse;         // of the subject by the value: "the film directed by {x}"
};
const FactWordings& wordings_of(Fact fact);

struct ComparisonWordings {
  Fact fact;
  Wordings least;     // answered by the side with the smaller value
  Wordings greatest;  // ... the greater value
  Wordings ordered;   // yes or no: is {a}'s value the smaller one?
  Wordings same;      // yes or no: are the values the same?
};
// Facts of a kind that are compared.
std::vector<const ComparisonWordings*> comparisons_of(Kind kind);

// A named entity within a question: "the film {x}", "{x}".
const Wordings& mentions_of(Kind kind);

// Said behind a question that the document may not answer.
const Wordings& may_be_unanswerable();

}  // namespace memagent::world
