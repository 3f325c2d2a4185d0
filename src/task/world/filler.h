// Filler of a document about the world: paragraphs about entities of every kind, none of them twice
// and none that a question is about.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "task/unit_document.h"
#include "task/world/paragraph.h"
#include "task/world/world.h"

namespace memagent::world {

// Unit i is one paragraph.
class Filler : public UnitText {
 public:
  virtual ParagraphPlan plan(std::int64_t index) const = 0;
};

// Documents of different keys start elsewhere in the world. `kinds`: what paragraphs are about, in
// turn; empty: entities of every kind.
std::shared_ptr<const Filler> filler(std::shared_ptr<const World> world, std::uint64_t key,
                                     std::vector<Kind> kinds = {});

}  // namespace memagent::world
