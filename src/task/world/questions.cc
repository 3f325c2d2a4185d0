#include "task/world/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "task/world/chains.h"
#include "task/world/wordings.h"

namespace memagent::world {
namespace {

// A link whose end is always of one profession, which is then no secret.
bool tells_profession(Fact link) { return link != Fact::kSpouse; }

// What may be asked about the chain's last stop.
Fact last_fact(const World& world, const Chain& chain, RandomStream& random) {
  const Entity& end = chain.stops.back();
  const auto open = facts_with(world, end, [&](const FactInfo& fact) {
    if (!is_askable(fact.fact)) return false;
    if (chain.facts.empty()) return true;
    if (fact.fact == Fact::kOccupation) return !tells_profession(chain.facts.back());
    return fact.type != ValueType::kEntity ||
           std::ranges::find(chain.stops, world.value(end, fact.fact).entity) == chain.stops.end();
  });
  return open[random.below(open.size())];
}

Chain draw_chain(const World& world, int hops, RandomStream& random) {
  Chain chain;
  chain.stops.push_back(any_subject(world, random));
  walk(world, hops - 1, random, chain);
  chain.facts.push_back(last_fact(world, chain, random));
  return chain;
}

void add_distinct(std::string answer, std::vector<std::string>& answers) {
  if (std::ranges::find(answers, answer) == answers.end()) answers.push_back(std::move(answer));
}

// The value of a fact in every spelling that is right, the paragraph's own first.
std::vector<std::string> spellings(const World& world, const ParagraphPlan& plan, Fact fact) {
  const Value value = world.value(plan.subject, fact);
  std::vector<std::string> answers = {value_text(world, value, date_style(plan.key))};
  const std::string first = answers.front();
  switch (value.type) {
    case ValueType::kEntity:
      if (value.entity.kind == Kind::kRiver) {
        answers.push_back(fmt::format("River {}", first));
        answers.push_back(fmt::format("{} River", first));
      }
      break;
    case ValueType::kDate: {
      add_distinct(value_text(world, value, DateStyle::kDayFirst), answers);
      add_distinct(value_text(world, value, DateStyle::kMonthFirst), answers);
      answers.push_back(fmt::format("{}-{:02}-{:02}", value.number / 10000,
                                    value.number / 100 % 100, value.number % 100));
      break;
    }
    case ValueType::kNumber:
      add_distinct(std::to_string(value.number), answers);
      for (std::size_t i = 0, n = answers.size(); i < n; ++i) {
        answers.push_back(fmt::format("{} {}", answers[i], info(fact).unit));
        if (info(fact).unit == "kilometres") answers.push_back(fmt::format("{} km", answers[i]));
        if (info(fact).unit == "metres") answers.push_back(fmt::format("{} m", answers[i]));
      }
      break;
    case ValueType::kWord:
      if (const std::size_t both = first.find(" and "); both != std::string::npos) {
        answers.push_back(fmt::format("{} and {}", first.substr(both + 5), first.substr(0, both)));
      }
      break;
    case ValueType::kYear:
      break;
  }
  return answers;
}

// Asks about the end of a chain whose first stop is called `first`: by its name, or described. True
// if only the year of a date is asked for.
bool put_in_words(std::string first, bool named, const Chain& chain, RandomStream& random,
                  Question& question) {
  const std::size_t last = chain.stops.size() - 1;
  const Fact asked = chain.facts[last];
  const std::string end = describe(std::move(first), named, chain, last, random);
  const bool year = !wordings_of(asked).year_questions.empty() && random.below(3) == 0;
  const Wordings& wordings =
      year ? wordings_of(asked).year_questions : wordings_of(asked).questions;
  question.text = replaced(
      last + (named ? 0 : 1) < 2 ? pick(wordings, random) : pick_for_description(wordings, random),
      "{x}", end);
  capitalise(question.text);
  return year;
}

// The last of the question's paragraphs has the answer, the last of its support the fact.
void answer(const World& world, Fact asked, bool year, Question& question) {
  const ParagraphPlan& plan = question.paragraphs.back();
  question.answers = spellings(world, plan, asked);
  if (year) {
    question.answers = {std::to_string(world.value(plan.subject, asked).number / 10000)};
    question.support.back().values = question.answers;
  }
}

// Facts that tell who a chain's first stop is without naming it or giving the chain away.
std::vector<Fact> describing(const World& world, const Chain& chain) {
  return facts_with(world, chain.stops[0], [&](const FactInfo& fact) {
    return !wordings_of(fact.fact).reverse.empty() && fact.fact != chain.facts[0] &&
           std::ranges::find(chain.stops, world.value(chain.stops[0], fact.fact).entity) ==
               chain.stops.end();
  });
}

// The question about the end of a chain, whose paragraphs are the question's first ones. One time
// in `one_in` the first stop is described by one of `by` instead of being named.
void ask(const World& world, const Chain& chain, const std::vector<Fact>& by, std::uint64_t one_in,
         RandomStream& random, Question& question) {
  const std::size_t last = chain.stops.size() - 1;
  std::string first = mention(world, chain.stops[0], random);
  bool named = true;
  if (!by.empty() && random.below(one_in) == 0) {
    const Fact fact = by[random.below(by.size())];
    const Entity other = world.value(chain.stops[0], fact).entity;
    first = replaced(pick(wordings_of(fact).reverse, random), "{x}", mention(world, other, random));
    named = false;
    support(world, 0, fact, 0, question);
  }

  for (std::size_t i = 0; i <= last; ++i) {
    support(world, i, chain.facts[i], static_cast<std::int32_t>(i), question);
  }
  const bool year = put_in_words(std::move(first), named, chain, random, question);
  answer(world, chain.facts[last], year, question);
}

Question chain_question(const World& world, std::uint64_t key, int hops) {
  RandomStream random(key);
  const Chain chain = draw_chain(world, hops, random);
  Question question;
  add_paragraphs(chain, random, question);
  ask(world, chain, describing(world, chain), 4, random, question);
  add_near_duplicates(world, chain, random, question.near_duplicates);
  return question;
}

}  // namespace

Question single_question(const World& world, std::uint64_t key) {
  return chain_question(world, key, 1);
}

bool is_askable(Fact fact) { return !wordings_of(fact).questions.empty(); }

Question fact_question(const World& world, const ParagraphPlan& plan, FactSet told, Fact fact,
                       std::uint64_t key) {
  RandomStream random(key);
  Question question;
  question.paragraphs.push_back(plan);
  const Chain chain = {{plan.subject}, {fact}};
  std::vector<Fact> by = describing(world, chain);
  std::erase_if(by, [&](Fact other) { return !told.has(other); });
  ask(world, chain, by, 2, random, question);
  return question;
}

std::optional<Question> first_hop_question(const World& world, const ParagraphPlan& plan, Fact link,
                                           std::uint64_t key) {
  if (!is_link(info(link))) return std::nullopt;
  RandomStream random(key);
  Chain chain = {{plan.subject, world.value(plan.subject, link).entity}, {link}};
  chain.facts.push_back(last_fact(world, chain, random));
  Question question;
  question.paragraphs.push_back(plan);
  support(world, 0, link, 0, question);
  put_in_words(mention(world, plan.subject, random), true, chain, random, question);
  question.answers = no_answer_spellings();
  return question;
}

std::optional<Question> second_hop_question(const World& world, const ParagraphPlan& plan,
                                            Fact fact, std::uint64_t key) {
  RandomStream random(key);
  std::vector<Fact> links;
  for (int i = 0; i < kNumFacts; ++i) {
    const auto link = static_cast<Fact>(i);
    const bool told_by_link = fact == Fact::kOccupation && tells_profession(link);
    const bool other_way_round = fact == Fact::kSpouse && link == Fact::kSpouse;
    if (is_link(info(link)) && info(link).target == plan.subject.kind && !told_by_link &&
        !other_way_round && !wordings_of(link).descriptions.empty()) {
      links.push_back(link);
    }
  }
  if (links.empty()) return std::nullopt;
  const Fact link = links[random.below(links.size())];
  const Entity first = world.any(info(link).kind, Circle::kQuestion, random.next());
  Question question;
  question.paragraphs.push_back(plan);
  question.given = note_of(world, first, link, world.name(plan.subject));
  support(world, 0, fact, 1, question);
  const Chain chain = {{first, plan.subject}, {link, fact}};
  const bool year = put_in_words(mention(world, first, random), true, chain, random, question);
  answer(world, fact, year, question);
  return question;
}

Question bridge_question(const World& world, std::uint64_t key, int hops) {
  MEMAGENT_CHECK(hops >= 2, "a bridge over {} paragraphs", hops);
  return chain_question(world, key, hops);
}

std::vector<std::string> no_answer_spellings() {
  return {"not stated",   "unanswerable",   "not mentioned",      "not given",
          "not provided", "not specified",  "no answer",          "unknown",
          "not known",    "not answerable", "cannot be answered", "cannot be determined"};
}

Question unanswerable_question(const World& world, std::uint64_t key, Answerable answerable) {
  const int hops = 1 + static_cast<int>(derive(key, 0x686F7073) % 2);
  Question question = chain_question(world, key, hops);
  const std::size_t last = question.paragraphs.size() - 1;
  if (answerable != Answerable::kYes) {
    question.answers = no_answer_spellings();
    const Fact asked = question.support.back().fact;
    question.support.pop_back();
    if (answerable == Answerable::kFactWithheld) {
      question.paragraphs[last].told = {};
      for (const Support& fact : question.support) {
        if (fact.paragraph == last) question.paragraphs[last].told.add(fact.fact);
      }
      question.paragraphs[last].withheld.add(asked);
    } else {
      std::erase_if(question.support, [&](const Support& s) { return s.paragraph == last; });
      question.paragraphs.pop_back();
    }
  }
  RandomStream random(derive(key, 0x6E6F6E65));
  question.text += ' ';
  question.text += pick(may_be_unanswerable(), random);
  return question;
}

}  // namespace memagent::world
