// The sentences that paragraphs are made of, as tables: for every kind of entity its openings, its
// sentences about one or more facts, and remarks that tell no fact anyone asks for.
//
// A form is a text with slots in braces. About the subject: {N} its name, {S} {s} a mention of it
// as a subject at the beginning of a sentence and within one, {o} as an object, {P} {p} its
// possessive, {is} "is" or "was". {other} is an entity of nearly the same name. All else is the key
// of a fact (facts.h) and stands for its value; {a:key} puts "a" or "an" before it. The facts of a
// form are those it has slots for. Tables only: sentence.h fills them in.
#pragma once

#include <span>
#include <string_view>

#include "task/world/entity.h"

namespace memagent::world {

using Texts = std::span<const std::string_view>;

struct KindForms {
  Texts openings;
  Texts sentences;
  Texts remarks;
  Texts asides;                    // with {other}
  std::string_view short_mention;  // "the film"; persons: their surname instead
};

// The table of one kind, by the file of its name.
KindForms person_forms();
KindForms film_forms();
KindForms book_forms();
KindForms company_forms();
KindForms university_forms();
KindForms river_forms();
KindForms town_forms();
KindForms team_forms();
KindForms forms_of(Kind kind);

}  // namespace memagent::world
