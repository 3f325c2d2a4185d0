#include "task/world/chains.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/check.h"

namespace memagent::world {
namespace {

// The other way round a link would give the chain away.
FactSet withheld_at(const Chain& chain, std::size_t stop) {
  FactSet withheld;
  if (stop > 0 && chain.facts[stop - 1] == Fact::kSpouse) withheld.add(Fact::kSpouse);
  return withheld;
}

}  // namespace

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

bool is_link(const FactInfo& fact) {
  return fact.type == ValueType::kEntity && is_subject(fact.target);
}

Entity any_subject(const World& world, RandomStream& random) {
  constexpr std::array kKinds = {Kind::kPerson,  Kind::kPerson,  Kind::kPerson,     Kind::kFilm,
                                 Kind::kFilm,    Kind::kFilm,    Kind::kBook,       Kind::kBook,
                                 Kind::kCompany, Kind::kCompany, Kind::kTown,       Kind::kTown,
                                 Kind::kTeam,    Kind::kTeam,    Kind::kUniversity, Kind::kRiver};
  return world.any(kKinds[random.below(kKinds.size())], Circle::kQuestion, random.next());
}

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

std::string mention(const World& world, const Entity& entity, RandomStream& random) {
  return replaced(pick(mentions_of(entity.kind), random), "{x}", world.name(entity));
}

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

std::string note_of(const World& world, const Entity& entity, Fact fact, const std::string& value) {
  return fmt::format("{} {}: {}", to_string(entity.kind), world.name(entity),
                     replaced(info(fact).note, "{v}", value));
}

void support(const World& world, std::size_t paragraph, Fact fact, std::int32_t hop,
             Question& question) {
  ParagraphPlan& plan = question.paragraphs[paragraph];
  plan.told.add(fact);
  const Value value = world.value(plan.subject, fact);
  const std::string text = value_text(world, value, date_style(plan.key));
  question.support.push_back(
      {paragraph, fact, {text}, note_of(world, plan.subject, fact, text), hop});
}

void add_plan(const ParagraphPlan& plan, std::vector<ParagraphPlan>& plans) {
  const bool known = std::ranges::any_of(
      plans, [&](const ParagraphPlan& other) { return other.subject == plan.subject; });
  if (!known) plans.push_back(plan);
}

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

}  // namespace memagent::world
