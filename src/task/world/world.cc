#include "task/world/world.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/random.h"
#include "task/world/vocabulary.h"

namespace memagent::world {
namespace {

constexpr std::int64_t kPresent = 2018;  // nobody dies and nothing opens later

// What an index holds besides a serial number: index = (serial * classes + class) * span + offset,
// and its dated value (year of birth, of release, of foundation; length) is first + offset.
struct Layout {
  std::int64_t first;
  std::uint64_t span;
  std::uint64_t classes;  // persons: profession and sex; companies: industry
};

// Span of persons: a multiple of 4, so that spouses' years pair up.
constexpr std::array<Layout, kNumKinds> kLayouts = {{
    {1890, 96, 2 * static_cast<std::uint64_t>(kNumOccupations)},  // persons: year of birth
    {1930, 88, 1},                                                // films: year of release
    {1920, 96, 1},                                                // books: year of publication
    {1915, 92, static_cast<std::uint64_t>(kNumIndustries)},       // companies: year of foundation
    {1410, 471, 1},  // universities: year of foundation
    {38, 1150, 1},   // rivers: length in kilometres
    {1050, 740, 1},  // towns: year of the charter
    {1880, 110, 1},  // teams: year of foundation
    {0, 1, 1},
    {0, 1, 1},
    {0, 1, 1},
}};

const Layout& layout(Kind kind) { return kLayouts[static_cast<std::size_t>(kind)]; }

std::int64_t dated_value(const Entity& entity) {
  const Layout& l = layout(entity.kind);
  return l.first + static_cast<std::int64_t>(entity.index % l.span);
}
int class_of(const Entity& entity) {
  const Layout& l = layout(entity.kind);
  return static_cast<int>(entity.index / l.span % l.classes);
}
int occupation_of(const Entity& person) { return class_of(person) / 2; }

// Countries, ranges and awards are few, so that several entities share one.
std::uint64_t num_shared(Kind kind) {
  switch (kind) {
    case Kind::kCountry:
      return 60;
    case Kind::kRange:
      return 240;
    default:
      return 160;
  }
}

NameForm form_of(Kind kind, bool woman) {
  if (kind == Kind::kPerson) return woman ? NameForm::kWoman : NameForm::kMan;
  return static_cast<NameForm>(static_cast<int>(kind) + 1);
}
static_assert(static_cast<int>(NameForm::kAward) == static_cast<int>(Kind::kAward) + 1);

std::uint64_t scale(std::uint64_t draw, std::uint64_t n) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(draw) * n) >> 64);
}
std::int64_t between(std::uint64_t draw, std::int64_t from, std::int64_t to) {
  return from + static_cast<std::int64_t>(scale(draw, static_cast<std::uint64_t>(to - from + 1)));
}
// Spread evenly over orders of magnitude.
std::int64_t magnitude(std::uint64_t draw, std::int64_t smallest, int doublings) {
  const std::int64_t base = smallest << (draw % static_cast<std::uint64_t>(doublings));
  return between(mix64(draw), base, 2 * base - 1);
}
std::int64_t date(std::uint64_t draw, std::int64_t year) {
  return year * 10000 + between(draw, 1, 12) * 100 + between(mix64(draw), 1, 28);
}

Value of_entity(const Entity& entity) { return {.type = ValueType::kEntity, .entity = entity}; }
Value of_year(std::int64_t year) { return {.type = ValueType::kYear, .number = year}; }
Value of_number(std::int64_t number) { return {.type = ValueType::kNumber, .number = number}; }
Value of_date(std::int64_t number) { return {.type = ValueType::kDate, .number = number}; }
Value of_word(Words words, std::uint64_t draw) {
  return {.type = ValueType::kWord, .word = words[scale(draw, words.size())]};
}

}  // namespace

World::World(std::uint64_t seed, Split split) : seed_(seed) {
  for (int form = 0; form < kNumNameForms; ++form) {
    names_.emplace_back(static_cast<NameForm>(form), seed, split);
  }
}

std::uint64_t World::count(Kind kind) const {
  if (!is_subject(kind)) return num_shared(kind);
  const Layout& l = layout(kind);
  const bool person = kind == Kind::kPerson;
  // Persons take their names from two spaces, of women and of men.
  const std::uint64_t names =
      std::min(names_[static_cast<std::size_t>(form_of(kind, false))].count(),
               names_[static_cast<std::size_t>(form_of(kind, true))].count()) *
      (person ? 2 : 1) / kNumCircles;
  const std::uint64_t block = l.span * l.classes;
  return names / block * block;
}

bool World::is_woman(const Entity& person) const { return (class_of(person) & 1) == 0; }

World::Place World::place(const Entity& entity) const {
  if (!is_subject(entity.kind)) return {form_of(entity.kind, false), entity.index};
  std::uint64_t index = entity.index;
  bool woman = false;
  if (entity.kind == Kind::kPerson) {
    // Leave out the bit of sex.
    const std::uint64_t span = layout(entity.kind).span;
    woman = is_woman(entity);
    index = index / (2 * span) * span + index % span;
  }
  return {form_of(entity.kind, woman),
          index * kNumCircles + static_cast<std::uint64_t>(entity.circle)};
}

std::optional<Entity> World::at(const Place& place, Kind kind) const {
  std::uint64_t index = place.number / kNumCircles;
  if (kind == Kind::kPerson) {
    const std::uint64_t span = layout(kind).span;
    const std::uint64_t sex = place.form == NameForm::kWoman ? 0 : 1;
    index = (index / span * 2 + sex) * span + index % span;
  }
  if (index >= count(kind)) return std::nullopt;
  return Entity{kind, static_cast<Circle>(place.number % kNumCircles), index};
}

void World::append_name(const Entity& entity, std::string& out) const {
  const Place where = place(entity);
  names_[static_cast<std::size_t>(where.form)].append(
      where.number, entity.kind == Kind::kCompany ? class_of(entity) : 0, out);
}

std::string World::name(const Entity& entity) const {
  std::string name;
  append_name(entity, name);
  return name;
}

Entity World::near(const Entity& entity, Circle circle, std::uint64_t number) const {
  const Place here = place(entity);
  const NameSpace& names = names_[static_cast<std::size_t>(here.form)];
  for (std::uint64_t i = 0; i < NameSpace::kNearAttempts; ++i) {
    const auto other = names.near(here.number, number * NameSpace::kNearAttempts + i);
    if (!other.has_value()) continue;
    const auto found = at({here.form, *other}, entity.kind);
    if (found.has_value() && found->circle == circle) return *found;
  }
  MEMAGENT_CHECK(false, "no name near that of {} {}", to_string(entity.kind), entity.index);
}

Entity World::any(Kind kind, Circle circle, std::uint64_t draw) const {
  return {kind, is_subject(kind) ? circle : Circle::kFiller, scale(draw, count(kind))};
}

std::uint64_t World::draw(const Entity& entity, Fact fact) const {
  const auto what = static_cast<std::uint64_t>(entity.kind) * 8 +
                    static_cast<std::uint64_t>(entity.circle) +
                    static_cast<std::uint64_t>(fact) * 256;
  return derive(derive(seed_, what), entity.index);
}

Entity World::dated(Kind kind, Circle circle, std::uint64_t draw, std::int64_t from,
                    std::int64_t to, int industry) const {
  const Layout& l = layout(kind);
  const std::int64_t last = l.first + static_cast<std::int64_t>(l.span) - 1;
  const std::int64_t value = between(draw, std::max(from, l.first), std::min(to, last));
  const std::uint64_t serial = scale(mix64(draw), count(kind) / (l.span * l.classes));
  const auto offset = static_cast<std::uint64_t>(value - l.first);
  return {kind, circle,
          (serial * l.classes + static_cast<std::uint64_t>(industry)) * l.span + offset};
}

Entity World::person(const Entity& from, Fact fact, std::int64_t born_from, std::int64_t born_to,
                     int occupation) const {
  const std::uint64_t key = draw(from, fact);
  return dated(Kind::kPerson, from.circle, key, born_from, born_to,
               2 * occupation + static_cast<int>(key & 1));
}

bool World::has(const Entity& entity, Fact fact) const {
  switch (fact) {
    case Fact::kDied:
      return value(entity, Fact::kDied).number / 10000 <= kPresent;
    case Fact::kSpouse: {
      const Entity spouse = value(entity, Fact::kSpouse).entity;
      return draw(is_woman(entity) ? entity : spouse, Fact::kSpouse) % 8 < 5;
    }
    case Fact::kTeacher:
      return dated_value(entity) >= 1925 && draw(entity, fact) % 4 < 3;
    case Fact::kEmployer: {
      constexpr std::array employed = {kEngineer, kPhysicist, kChemist, kArchitect, kEconomist};
      return std::ranges::find(employed, occupation_of(entity)) != employed.end();
    }
    case Fact::kEducation:
      return draw(entity, fact) % 8 < 7;
    case Fact::kPersonAward:
    case Fact::kBasis:
      return draw(entity, fact) % 2 == 0;
    case Fact::kMouth:
      return dated_value(entity) < 900;
    default:
      return info(fact).kind == entity.kind;
  }
}

Value World::value(const Entity& entity, Fact fact) const {
  switch (entity.kind) {
    case Kind::kPerson:
      return person_value(entity, fact);
    case Kind::kFilm:
    case Kind::kBook:
      return work_value(entity, fact);
    default:
      return place_value(entity, fact);
  }
}

Value World::person_value(const Entity& person, Fact fact) const {
  const std::uint64_t key = draw(person, fact);
  const std::int64_t born = dated_value(person);
  const int occupation = occupation_of(person);
  switch (fact) {
    case Fact::kBorn:
      return of_date(date(key, born));
    case Fact::kDied:  // after anything that is told of a life: at least 62 years old
      return of_date(date(key, born + between(key, 62, 96)));
    case Fact::kBirthplace:
      return of_entity(any(Kind::kTown, person.circle, key));
    case Fact::kOccupation:
      return {.type = ValueType::kWord,
              .word = occupations()[static_cast<std::size_t>(occupation)]};
    case Fact::kEducation:
      return of_entity(any(Kind::kUniversity, person.circle, key));
    case Fact::kSpouse: {
      // An involution on what the index holds: year within four, profession, sex.
      const Layout& l = layout(Kind::kPerson);
      const std::uint64_t offset = person.index % l.span;
      const int other_class = 2 * (kNumOccupations - 1 - occupation) + (is_woman(person) ? 1 : 0);
      const auto other = static_cast<std::uint64_t>(other_class);
      const std::uint64_t serial = person.index / (l.span * l.classes);
      return of_entity(
          {Kind::kPerson, person.circle, (serial * l.classes + other) * l.span + (offset ^ 3)});
    }
    case Fact::kTeacher:
      return of_entity(this->person(person, fact, born - 45, born - 20, occupation));
    case Fact::kEmployer: {
      // Any industry but publishing and film.
      const int industry = 2 + static_cast<int>(key % (kNumIndustries - 2));
      return of_entity(dated(Kind::kCompany, person.circle, key, 1915, born + 28, industry));
    }
    case Fact::kPersonAward:
      return of_entity(any(Kind::kAward, person.circle, key));
    default:
      MEMAGENT_CHECK(false, "no fact {} of a person", info(fact).key);
  }
}

Value World::work_value(const Entity& work, Fact fact) const {
  const std::uint64_t key = draw(work, fact);
  const std::int64_t year = dated_value(work);
  switch (fact) {
    case Fact::kDirector:
      return of_entity(person(work, fact, year - 58, year - 27, kFilmDirector));
    case Fact::kStar:
      return of_entity(person(work, fact, year - 50, year - 18, kActor));
    case Fact::kComposer:
      return of_entity(person(work, fact, year - 58, year - 24, kComposer));
    case Fact::kStudio:
      return of_entity(
          dated(Kind::kCompany, work.circle, key, year - 60, year - 1, kFilmProduction));
    case Fact::kBasis:
      return of_entity(dated(Kind::kBook, work.circle, key, year - 40, year - 2));
    case Fact::kReleased:
    case Fact::kPublished:
      return of_year(year);
    case Fact::kRuntime:
      return of_number(between(key, 71, 189));
    case Fact::kFilmGenre:
      return of_word(film_genres(), key);
    case Fact::kAuthor:
      return of_entity(person(work, fact, year - 58, year - 24, kNovelist));
    case Fact::kPublisher:
      return of_entity(dated(Kind::kCompany, work.circle, key, year - 60, year - 1, kPublishing));
    case Fact::kPages:
      return of_number(between(key, 112, 846));
    case Fact::kBookGenre:
      return of_word(book_genres(), key);
    case Fact::kFilmSetting:
    case Fact::kBookSetting:
      return of_entity(any(Kind::kTown, work.circle, key));
    default:
      MEMAGENT_CHECK(false, "no fact {} of a work", info(fact).key);
  }
}

Value World::place_value(const Entity& place, Fact fact) const {
  const std::uint64_t key = draw(place, fact);
  const std::int64_t dated_to = dated_value(place);
  switch (fact) {
    case Fact::kFounder:
      return of_entity(person(place, fact, dated_to - 50, dated_to - 24,
                              class_of(place) % 2 == 0 ? kIndustrialist : kEngineer));
    case Fact::kCompanyFounded:
    case Fact::kUniversityFounded:
    case Fact::kTeamFounded:
    case Fact::kChartered:
      return of_year(dated_to);
    case Fact::kEmployees:
      return of_number(magnitude(key, 140, 8));
    case Fact::kIndustry:
      return {.type = ValueType::kWord,
              .word = industries()[static_cast<std::size_t>(class_of(place))]};
    case Fact::kRector:
      return of_entity(person(place, fact, 1957, 1975,
                              std::array{kPhysicist, kHistorian, kChemist, kMathematician,
                                         kBotanist, kEconomist}[key % 6]));
    case Fact::kStudents:
      return of_number(magnitude(key, 900, 5));
    case Fact::kLength:
      return of_number(dated_to);
    case Fact::kMouth:
      return of_entity(dated(Kind::kRiver, place.circle, key, dated_to + 20, 1187));
    case Fact::kSource:
      return of_entity(any(Kind::kRange, place.circle, key));
    case Fact::kHeadquarters:
    case Fact::kCampus:
    case Fact::kRiverTown:
    case Fact::kHome:
      return of_entity(any(Kind::kTown, place.circle, key));
    case Fact::kCountry:
      return of_entity(any(Kind::kCountry, place.circle, key));
    case Fact::kTownRiver:
      return of_entity(any(Kind::kRiver, place.circle, key));
    case Fact::kMayor:
      return of_entity(person(place, fact, 1957, 1980, kPolitician));
    case Fact::kPopulation:
      return of_number(magnitude(key, 2100, 7));
    case Fact::kElevation:
      return of_number(between(key, 4, 1480));
    case Fact::kCoach:
      return of_entity(person(place, fact, 1957, 1980, kTrainer));
    case Fact::kCapacity:
      return of_number(magnitude(key, 1500, 5));
    case Fact::kSport:
      return of_word(sports(), key);
    case Fact::kColours:
      return of_word(colours(), key);
    default:
      MEMAGENT_CHECK(false, "no fact {} of a {}", info(fact).key, to_string(place.kind));
  }
}

}  // namespace memagent::world
