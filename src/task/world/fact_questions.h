// What else can be asked of a document about the world: one question for every fact that its
// paragraphs tell; and as the first and as the second of a chain of two, whose other one is not
// there, for every fact that can be; and comparisons of paragraphs with one another. For trainers,
// which learn from a section once for each of them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "task/row.h"
#include "task/unit_document.h"
#include "task/world/filler.h"
#include "task/world/paragraph.h"
#include "task/world/world.h"

namespace memagent::world {

// A document of filler and of paragraphs between: `inserts` are the plans of those, as they were
// given to plan_units().
struct WorldDocument {
  std::shared_ptr<const World> world;
  std::shared_ptr<const Filler> filler;
  std::vector<ParagraphPlan> inserts;
  std::shared_ptr<const UnitDocument> units;
};

// At most `most` rows, drawn by `key`. Their evidence begins with the heading of its paragraph:
// without that it is not known whom "she" means. What is known before a second paragraph is
// evidence without length at the document's beginning.
std::vector<Row> fact_questions(const WorldDocument& document, std::int64_t most,
                                std::uint64_t key);

}  // namespace memagent::world
