#include "task/world/comparisons.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "task/world/chains.h"
#include "task/world/wordings.h"

namespace memagent::world {
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

// The words to ask in. Sides change places until the answer is the one wanted.
const Wordings& arrange(const World& world, const ComparisonOptions& options, RandomStream& random,
                        Pair& pair) {
  if (pair.by_sameness) return pair.wordings->same;
  const auto number = [&](const Chain& chain) {
    return world.value(chain.stops.back(), pair.wordings->fact).number;
  };
  const bool least = options.yes_no || random.below(2) == 0;
  const bool a_is_answer = (number(pair.a) < number(pair.b)) == least;
  if (a_is_answer != options.first) std::swap(pair.a, pair.b);
  if (options.yes_no) return pair.wordings->ordered;
  return least ? pair.wordings->least : pair.wordings->greatest;
}

void put_in_words(const World& world, const Pair& pair, const Wordings& wordings,
                  const ComparisonOptions& options, RandomStream& random, Question& question) {
  const std::size_t last = pair.a.stops.size() - 1;
  const auto side = [&](const Chain& chain) {
    return describe(mention(world, chain.stops[0], random), true, chain, last, random);
  };
  const std::string a = side(pair.a);
  const std::string b = side(pair.b);
  question.text = replaced(replaced(pick(wordings, random), "{a}", a), "{b}", b);
  capitalise(question.text);
  if (options.yes_no) {
    question.answers = {options.first ? "yes" : "no"};
    return;
  }
  const Entity& winner = (options.first ? pair.a : pair.b).stops[last];
  question.answers = {world.name(winner)};
  question.rejected = {world.name((options.first ? pair.b : pair.a).stops[last])};
  if (winner.kind == Kind::kRiver) {
    question.answers.push_back(fmt::format("River {}", question.answers[0]));
    question.answers.push_back(fmt::format("{} River", question.answers[0]));
  }
}

}  // namespace

Question comparison_question(const World& world, std::uint64_t key,
                             const ComparisonOptions& options) {
  RandomStream random(key);
  Pair pair = draw_pair(world, options, random);
  const Wordings& wordings = arrange(world, options, random, pair);
  Question question;
  for (const Chain* chain : {&pair.a, &pair.b}) {
    const std::size_t begin = question.paragraphs.size();
    add_paragraphs(*chain, random, question);
    for (std::size_t i = 0; i < chain->stops.size(); ++i) {
      support(world, begin + i, chain->facts[i], static_cast<std::int32_t>(i), question);
    }
  }
  put_in_words(world, pair, wordings, options, random, question);
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

std::optional<Question> comparison_between(const World& world, const ParagraphPlan& one,
                                           const ParagraphPlan& other, FactSet told_by_both,
                                           std::uint64_t key) {
  if (one.subject.kind != other.subject.kind) return std::nullopt;
  RandomStream random(key);
  auto forms = comparisons_of(one.subject.kind);
  std::erase_if(forms,
                [&](const ComparisonWordings* form) { return !told_by_both.has(form->fact); });
  if (forms.empty()) return std::nullopt;
  Pair pair;
  pair.wordings = forms[random.below(forms.size())];
  const Fact fact = pair.wordings->fact;
  pair.a = {{one.subject}, {fact}};
  pair.b = {{other.subject}, {fact}};

  const bool same = world.value(one.subject, fact) == world.value(other.subject, fact);
  ComparisonOptions options;
  options.first = random.below(2) == 0;
  options.yes_no = same || pair.wordings->least.empty() || random.below(2) == 0;
  pair.by_sameness = options.yes_no && (same || pair.wordings->ordered.empty());
  if (pair.by_sameness) {
    constexpr std::uint64_t kSeldom = 8;
    if (pair.wordings->same.empty() || (!same && random.below(kSeldom) != 0)) return std::nullopt;
    options.first = same;
  }
  const Wordings& wordings = arrange(world, options, random, pair);
  Question question;
  for (const Chain* chain : {&pair.a, &pair.b}) {
    question.paragraphs.push_back(chain->stops[0] == one.subject ? one : other);
    support(world, question.paragraphs.size() - 1, fact, 0, question);
  }
  put_in_words(world, pair, wordings, options, random, question);
  return question;
}

}  // namespace memagent::world
