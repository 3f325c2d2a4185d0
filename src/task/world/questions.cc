#include "task/world/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "task/world/wordings.h"

namespace memagent::world {
namespace {

std::string replaced(std::string_view text, std::string_view slot, std::string_view value) {
  std::string out(text);
  const std::size_t at = out.find(slot);
  MEMAGENT_CHECK(at != std::string::npos, "no {} in '{}'", slot, text);
  return out.replace(at, slot.size(), value);
}

std::string_view pick(const Wordings& wordings, RandomStream& random) {
  MEMAGENT_CHECK(!wordings.empty(), "{} wordings to pick from", wordings.size());
  return wordings[random.below(wordings.size())];
}

// As pick(), for an {x} that is a description itself: one with {x} at its end where there is one,
// so that clauses do not pile up inside each other ("the river that the river that ... joins").
std::string_view pick_for_description(const Wordings& wordings, RandomStream& random) {
  Wordings at_end;
  std::ranges::copy_if(wordings, std::back_inserter(at_end), [](std::string_view wording) {
    return wording.ends_with("{x}") || wording.ends_with("{x}?");
  });
  return pick(at_end.empty() ? wordings : at_end, random);
}

void capitalise(std::string& text) {
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
}

// A way from a first entity over links to the fact asked for: paragraph k is about stops[k] and
// tells facts[k], which is stops[k + 1] for all but the last.
struct Chain {
  std::vector<Entity> stops;
  std::vector<Fact> facts;
};

// A link whose end is always of one profession, which is then no secret.
bool tells_profession(Fact link) { return link != Fact::kSpouse; }

bool is_link(const FactInfo& fact) {
  return fact.type == ValueType::kEntity && is_subject(fact.target);
}

template <typename Accept>
std::vector<Fact> facts_with(const World& world, const Entity& entity, Accept accept) {
  std::vector<Fact> found;
  for (const FactInfo& fact : facts_of(entity.kind)) {
    if (world.has(entity, fact.fact) && accept(fact)) found.push_back(fact.fact);
  }
  return found;
}

// Goes on from the chain's only stop over `links` links.
void walk(const World& world, int links, RandomStream& random, Chain& chain) {
  for (int i = 0; i < links; ++i) {
    const Entity here = chain.stops.back();
    const auto open = facts_with(world, here, [&](const FactInfo& fact) {
      return is_link(fact) && std::ranges::find(chain.stops, world.value(here, fact.fact).entity) ==
                                  chain.stops.end();
    });
    const Fact link = open[random.below(open.size())];
    chain.facts.push_back(link);
    chain.stops.push_back(world.value(here, link).entity);
  }
}

// A random entity to ask about; kinds of which more is known come more often.
Entity any_subject(const World& world, RandomStream& random) {
  constexpr std::array kKinds = {Kind::kPerson,  Kind::kPerson,  Kind::kPerson,     Kind::kFilm,
                                 Kind::kFilm,    Kind::kFilm,    Kind::kBook,       Kind::kBook,
                                 Kind::kCompany, Kind::kCompany, Kind::kTown,       Kind::kTown,
                                 Kind::kTeam,    Kind::kTeam,    Kind::kUniversity, Kind::kRiver};
  return world.any(kKinds[random.below(kKinds.size())], Circle::kQuestion, random.next());
}

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

// The other way round a link would give the chain away.
FactSet withheld_at(const Chain& chain, std::size_t stop) {
  FactSet withheld;
  if (stop > 0 && chain.facts[stop - 1] == Fact::kSpouse) withheld.add(Fact::kSpouse);
  return withheld;
}

std::string mention(const World& world, const Entity& entity, RandomStream& random) {
  return replaced(pick(mentions_of(entity.kind), random), "{x}", world.name(entity));
}

// "the director of the film Silver Lantern": the stop `upto` of a chain, the first one as given.
std::string describe(std::string first, bool first_is_name, const Chain& chain, std::size_t upto,
                     RandomStream& random) {
  for (std::size_t i = 0; i < upto; ++i) {
    const Wordings& wordings = wordings_of(chain.facts[i]).descriptions;
    first = replaced(
        i == 0 && first_is_name ? pick(wordings, random) : pick_for_description(wordings, random),
        "{x}", first);
  }
  return first;
}

void add_paragraphs(const Chain& chain, RandomStream& random, Question& question) {
  for (std::size_t i = 0; i < chain.stops.size(); ++i) {
    ParagraphPlan plan;
    plan.subject = chain.stops[i];
    plan.key = random.next();
    plan.withheld = withheld_at(chain, i);
    question.paragraphs.push_back(plan);
  }
}

// The note of a fact: "film Silver Lantern: directed by Mara Venn".
std::string note_of(const World& world, const Entity& entity, Fact fact, const std::string& value) {
  return fmt::format("{} {}: {}", to_string(entity.kind), world.name(entity),
                     replaced(info(fact).note, "{v}", value));
}

// Makes a paragraph tell a fact and records that the answer rests on it.
void support(const World& world, std::size_t paragraph, Fact fact, std::int32_t hop,
             Question& question) {
  ParagraphPlan& plan = question.paragraphs[paragraph];
  plan.told.add(fact);
  const Value value = world.value(plan.subject, fact);
  const std::string text = value_text(world, value, date_style(plan.key));
  question.support.push_back(
      {paragraph, fact, {text}, note_of(world, plan.subject, fact, text), hop});
}

// Nobody has two paragraphs.
void add_plan(const ParagraphPlan& plan, std::vector<ParagraphPlan>& plans) {
  const bool known = std::ranges::any_of(
      plans, [&](const ParagraphPlan& other) { return other.subject == plan.subject; });
  if (!known) plans.push_back(plan);
}

// Near-duplicates of every stop of a chain, then what the first one's leads to in its turn.
void add_near_duplicates(const World& world, const Chain& chain, RandomStream& random,
                         std::vector<ParagraphPlan>& plans) {
  const auto add = [&](const Entity& entity, Fact fact) {
    ParagraphPlan plan;
    plan.subject = entity;
    plan.key = random.next();
    if (world.has(entity, fact)) plan.told.add(fact);
    add_plan(plan, plans);
  };
  for (std::size_t i = 0; i < chain.stops.size(); ++i) {
    add(world.near(chain.stops[i], Circle::kNearDuplicate, random.next() >> 40), chain.facts[i]);
  }
  Entity twin = plans.empty() ? chain.stops[0] : plans.front().subject;
  for (std::size_t i = 0; i + 1 < chain.stops.size() && world.has(twin, chain.facts[i]); ++i) {
    twin = world.value(twin, chain.facts[i]).entity;
    if (twin.circle != Circle::kNearDuplicate) return;
    add(twin, chain.facts[i + 1]);
  }
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

namespace {

// Two chains over the same links whose ends can be compared, and how.
struct Pair {
  Chain a;
  Chain b;
  const ComparisonWordings* wordings = nullptr;
  bool by_sameness = false;
};

// The chain from `start` over the links of another.
bool follow(const World& world, const Entity& start, const std::vector<Fact>& links, Chain& chain) {
  chain.stops = {start};
  chain.facts.clear();
  for (const Fact link : links) {
    if (!world.has(chain.stops.back(), link)) return false;
    chain.facts.push_back(link);
    chain.stops.push_back(world.value(chain.stops.back(), link).entity);
  }
  return true;
}

Pair draw_pair(const World& world, const ComparisonOptions& options, RandomStream& random) {
  // Few of the draws are of no use: a chain whose end has nothing to compare, two of one end.
  while (true) {
    Pair pair;
    pair.a.stops.push_back(any_subject(world, random));
    walk(world, options.hops - 1, random, pair.a);
    const std::vector<Fact> links = pair.a.facts;
    auto forms = comparisons_of(pair.a.stops.back().kind);
    std::erase_if(forms, [&](const ComparisonWordings* form) {
      if (!options.yes_no) return form->least.empty();
      return form->fact == Fact::kOccupation && !links.empty();
    });
    if (forms.empty()) continue;
    pair.wordings = forms[random.below(forms.size())];
    const Fact fact = pair.wordings->fact;
    const bool both = !pair.wordings->same.empty() && !pair.wordings->ordered.empty();
    pair.by_sameness =
        options.yes_no && (both ? random.below(2) == 0 : !pair.wordings->same.empty());
    const bool wanted_same = pair.by_sameness && options.first;
    const Value value = world.value(pair.a.stops.back(), fact);
    constexpr int kAttempts = 4000;  // one in a hundred years or sixty countries is the same
    for (int i = 0; i < kAttempts; ++i) {
      const Entity start = world.any(pair.a.stops[0].kind, Circle::kQuestion, random.next());
      if (!follow(world, start, links, pair.b)) continue;
      const bool meets = std::ranges::any_of(pair.b.stops, [&](const Entity& stop) {
        return std::ranges::find(pair.a.stops, stop) != pair.a.stops.end();
      });
      if (meets || (world.value(pair.b.stops.back(), fact) == value) != wanted_same) continue;
      pair.a.facts.push_back(fact);
      pair.b.facts.push_back(fact);
      return pair;
    }
  }
}

}  // namespace

Question comparison_question(const World& world, std::uint64_t key,
                             const ComparisonOptions& options) {
  RandomStream random(key);
  Pair pair = draw_pair(world, options, random);
  const Fact fact = pair.wordings->fact;
  const std::size_t last = pair.a.stops.size() - 1;
  const auto number = [&](const Chain& chain) {
    return world.value(chain.stops[last], fact).number;
  };

  const Wordings* wordings = &pair.wordings->same;
  if (!pair.by_sameness) {
    // Sides change places until the answer is the one wanted.
    const bool least = options.yes_no || random.below(2) == 0;
    wordings = options.yes_no ? &pair.wordings->ordered
               : least        ? &pair.wordings->least
                              : &pair.wordings->greatest;
    const bool a_is_answer = (number(pair.a) < number(pair.b)) == least;
    if (a_is_answer != options.first) std::swap(pair.a, pair.b);
  }

  Question question;
  for (const Chain* chain : {&pair.a, &pair.b}) {
    const std::size_t begin = question.paragraphs.size();
    add_paragraphs(*chain, random, question);
    for (std::size_t i = 0; i < chain->stops.size(); ++i) {
      support(world, begin + i, chain->facts[i], static_cast<std::int32_t>(i), question);
    }
  }
  const auto side = [&](const Chain& chain) {
    return describe(mention(world, chain.stops[0], random), true, chain, last, random);
  };
  const std::string a = side(pair.a);
  const std::string b = side(pair.b);
  question.text = replaced(replaced(pick(*wordings, random), "{a}", a), "{b}", b);
  capitalise(question.text);
  if (options.yes_no) {
    question.answers = {options.first ? "yes" : "no"};
  } else {
    const Entity& winner = (options.first ? pair.a : pair.b).stops[last];
    question.answers = {world.name(winner)};
    question.rejected = {world.name((options.first ? pair.b : pair.a).stops[last])};
    if (winner.kind == Kind::kRiver) {
      question.answers.push_back(fmt::format("River {}", question.answers[0]));
      question.answers.push_back(fmt::format("{} River", question.answers[0]));
    }
  }
  // In turn of either side, so that where there is room for few, no side stands out.
  std::vector<ParagraphPlan> near_a;
  std::vector<ParagraphPlan> near_b;
  add_near_duplicates(world, pair.a, random, near_a);
  add_near_duplicates(world, pair.b, random, near_b);
  for (std::size_t i = 0; i < std::max(near_a.size(), near_b.size()); ++i) {
    if (i < near_a.size()) add_plan(near_a[i], question.near_duplicates);
    if (i < near_b.size()) add_plan(near_b[i], question.near_duplicates);
  }
  return question;
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
