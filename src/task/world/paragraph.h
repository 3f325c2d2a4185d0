// One paragraph of the encyclopedia: a heading and three to seven sentences about one entity.
//
// Which facts it tells is drawn from a key, except for those that it must or must not tell. Every
// fact is told at most once. Layout: "# Name", an empty line, the sentences in one line, an empty
// line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "task/world/sentence.h"
#include "task/world/world.h"

namespace memagent::world {

struct ParagraphPlan {
  Entity subject;
  std::uint64_t key = 0;  // of all draws
  FactSet told;           // must be told; the subject has them
  FactSet withheld;       // must not be
};

// Where the facts of a paragraph stand in it, in bytes from its beginning.
struct SentenceSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  FactSet facts;
};

// Appends the paragraph. `spans`, where given, receives its sentences.
void append_paragraph(const World& world, const ParagraphPlan& plan, std::string& out,
                      std::vector<SentenceSpan>* spans = nullptr);

// How dates are written in the paragraph of this key.
DateStyle date_style(std::uint64_t key);

}  // namespace memagent::world
