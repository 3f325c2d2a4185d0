// Questions about the world: a text, its accepted answers, the paragraphs that support it, and the
// facts in them that the answer rests on. The forms are HotpotQA's (arXiv 1809.09600): bridges,
// where one entity leads to the next, and comparisons (comparisons.h); and SQuAD's: one paragraph,
// or no answer.
//
// What is asked lives in Circle::kQuestion; near-duplicates of every entity on the way, in
// Circle::kNearDuplicate, tell the same facts with other values. Where paragraphs stand in a
// document is not known here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "task/world/paragraph.h"
#include "task/world/world.h"

namespace memagent::world {

// A fact that the answer rests on.
struct Support {
  std::size_t paragraph = 0;  // in Question::paragraphs
  Fact fact = Fact::kBorn;
  std::vector<std::string> values;  // as Evidence::values
  std::string note;
  std::int32_t hop = 0;
};

struct Question {
  std::string text;
  std::vector<std::string> answers;
  std::vector<std::string> rejected;      // as Row::rejected
  std::vector<ParagraphPlan> paragraphs;  // supporting; in the order of reasoning
  std::vector<Support> support;
  std::string given;  // the note of another paragraph that comes before; empty: none
  // Paragraphs about near-duplicates, the most confusing first: as many of them stand in the
  // document as there is room for.
  std::vector<ParagraphPlan> near_duplicates;
};

// One fact of one entity.
Question single_question(const World& world, std::uint64_t key);
// False of what only descriptions are made of.
bool is_askable(Fact fact);
// That fact of the paragraph's subject, which is named or described by another fact of `told`.
Question fact_question(const World& world, const ParagraphPlan& plan, FactSet told, Fact fact,
                       std::uint64_t key);
// A chain of two paragraphs that begins with a fact of this one, and whose other one is not there:
// it has no answer. None if the fact leads nowhere.
std::optional<Question> first_hop_question(const World& world, const ParagraphPlan& plan, Fact link,
                                           std::uint64_t key);
// A chain of two paragraphs that ends with a fact of this one, and of whose first there is the note
// (Question::given), about something that the world does not know to lead here. None if nothing
// leads to what the paragraph is about.
std::optional<Question> second_hop_question(const World& world, const ParagraphPlan& plan,
                                            Fact fact, std::uint64_t key);
// A chain over `hops` paragraphs, at least 2.
Question bridge_question(const World& world, std::uint64_t key, int hops);

enum class Answerable {
  kYes,
  kFactWithheld,   // the entity has its paragraph, but the fact is not in it
  kEntityMissing,  // only near-duplicates of the entity have paragraphs
};
// One or two hops, with the request to say so if there is no answer.
Question unanswerable_question(const World& world, std::uint64_t key, Answerable answerable);

// How "there is no answer" may be said; the first is what questions ask for.
std::vector<std::string> no_answer_spellings();

}  // namespace memagent::world
