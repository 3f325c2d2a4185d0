// Chains of facts, and what questions about them are put together from. For questions.cc and
// comparisons.cc alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "task/world/questions.h"
#include "task/world/wordings.h"

namespace memagent::world {

// A way from a first entity over links to the fact asked for: paragraph k is about stops[k] and
// tells facts[k], which is stops[k + 1] for all but the last.
struct Chain {
  std::vector<Entity> stops;
  std::vector<Fact> facts;
};

std::string replaced(std::string_view text, std::string_view slot, std::string_view value);
std::string_view pick(const Wordings& wordings, RandomStream& random);
// As pick(), for an {x} that is a description itself: one with {x} at its end where there is one,
// so that clauses do not pile up inside each other ("the river that the river that ... joins").
std::string_view pick_for_description(const Wordings& wordings, RandomStream& random);
void capitalise(std::string& text);

// Its value is something that has facts of its own.
bool is_link(const FactInfo& fact);
// Those that the entity has and `accept` takes.
template <typename Accept>
std::vector<Fact> facts_with(const World& world, const Entity& entity, Accept accept) {
  std::vector<Fact> found;
  for (const FactInfo& fact : facts_of(entity.kind)) {
    if (world.has(entity, fact.fact) && accept(fact)) found.push_back(fact.fact);
  }
  return found;
}

// A random entity to ask about; kinds of which more is known come more often.
Entity any_subject(const World& world, RandomStream& random);
// Goes on from the chain's only stop over `links` links.
void walk(const World& world, int links, RandomStream& random, Chain& chain);

// A named entity within a question.
std::string mention(const World& world, const Entity& entity, RandomStream& random);
// "the director of the film Silver Lantern": the stop `upto` of a chain, the first one as given.
std::string describe(std::string first, bool first_is_name, const Chain& chain, std::size_t upto,
                     RandomStream& random);

// One for each of the chain's stops.
void add_paragraphs(const Chain& chain, RandomStream& random, Question& question);
// The note of a fact: "film Silver Lantern: directed by Mara Venn".
std::string note_of(const World& world, const Entity& entity, Fact fact, const std::string& value);
// Makes a paragraph tell a fact and records that the answer rests on it.
void support(const World& world, std::size_t paragraph, Fact fact, std::int32_t hop,
             Question& question);
// Nobody has two paragraphs.
void add_plan(const ParagraphPlan& plan, std::vector<ParagraphPlan>& plans);
// Near-duplicates of every stop of a chain, then what the first one's leads to in its turn.
void add_near_duplicates(const World& world, const Chain& chain, RandomStream& random,
                         std::vector<ParagraphPlan>& plans);

}  // namespace memagent::world
