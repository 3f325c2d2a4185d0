// Questions that compare two things, or what two things lead to. The form is HotpotQA's (arXiv
// 1809.09600).
#pragma once

#include <cstdint>
#include <optional>

#include "task/world/questions.h"
#include "task/world/world.h"

namespace memagent::world {

struct ComparisonOptions {
  // Paragraphs a side: 1 compares two entities, 2 what they lead to.
  int hops = 1;
  // The side whose name is the answer, or "yes": what balances the answers of many rows.
  bool first = true;
  bool yes_no = false;
};
Question comparison_question(const World& world, std::uint64_t key,
                             const ComparisonOptions& options);
// The subjects of two paragraphs compared by one of the facts that both tell. None if they are not
// of one kind or tell nothing to compare; and of most pairs that could only be asked whether they
// have something in common, since nearly all have not.
std::optional<Question> comparison_between(const World& world, const ParagraphPlan& one,
                                           const ParagraphPlan& other, FactSet told_by_both,
                                           std::uint64_t key);

}  // namespace memagent::world
