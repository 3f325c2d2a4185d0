// Questions that compare two things, or what two things lead to. The form is HotpotQA's (arXiv
// 1809.09600).
#pragma once

#include <cstdint>

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

}  // namespace memagent::world
