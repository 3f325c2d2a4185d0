#include "task/world/facts.h"

#include <array>

#include "base/check.h"

namespace memagent::world {
namespace {

using enum ValueType;

constexpr FactInfo link(Fact fact, Kind kind, std::string_view key, Kind target,
                        std::string_view note) {
  return {fact, kind, key, kEntity, target, "", note};
}
constexpr FactInfo plain(Fact fact, Kind kind, std::string_view key, ValueType type,
                         std::string_view note, std::string_view unit = "") {
  return {fact, kind, key, type, kind, unit, note};
}

constexpr std::array kInfos = {
    plain(Fact::kBorn, Kind::kPerson, "born", kDate, "born on {v}"),
    plain(Fact::kDied, Kind::kPerson, "died", kDate, "died on {v}"),
    link(Fact::kBirthplace, Kind::kPerson, "birthplace", Kind::kTown, "born in {v}"),
    plain(Fact::kOccupation, Kind::kPerson, "occupation", kWord, "by profession {v}"),
    link(Fact::kEducation, Kind::kPerson, "education", Kind::kUniversity, "studied at {v}"),
    link(Fact::kSpouse, Kind::kPerson, "spouse", Kind::kPerson, "married to {v}"),
    link(Fact::kTeacher, Kind::kPerson, "teacher", Kind::kPerson, "mentor: {v}"),
    link(Fact::kEmployer, Kind::kPerson, "employer", Kind::kCompany, "worked for {v}"),
    link(Fact::kPersonAward, Kind::kPerson, "award", Kind::kAward, "received the {v}"),
    link(Fact::kDirector, Kind::kFilm, "director", Kind::kPerson, "directed by {v}"),
    link(Fact::kStar, Kind::kFilm, "star", Kind::kPerson, "lead role: {v}"),
    link(Fact::kComposer, Kind::kFilm, "composer", Kind::kPerson, "music by {v}"),
    link(Fact::kStudio, Kind::kFilm, "studio", Kind::kCompany, "produced by {v}"),
    link(Fact::kBasis, Kind::kFilm, "basis", Kind::kBook, "based on the novel {v}"),
    plain(Fact::kReleased, Kind::kFilm, "released", kYear, "released in {v}"),
    plain(Fact::kRuntime, Kind::kFilm, "runtime", kNumber, "running time {v} minutes", "minutes"),
    plain(Fact::kFilmGenre, Kind::kFilm, "genre", kWord, "genre: {v}"),
    link(Fact::kFilmSetting, Kind::kFilm, "setting", Kind::kTown, "set in {v}"),
    link(Fact::kAuthor, Kind::kBook, "author", Kind::kPerson, "written by {v}"),
    link(Fact::kPublisher, Kind::kBook, "publisher", Kind::kCompany, "published by {v}"),
    plain(Fact::kPublished, Kind::kBook, "published", kYear, "published in {v}"),
    plain(Fact::kPages, Kind::kBook, "pages", kNumber, "{v} pages in the first edition", "pages"),
    plain(Fact::kBookGenre, Kind::kBook, "genre", kWord, "genre: {v}"),
    link(Fact::kBookSetting, Kind::kBook, "setting", Kind::kTown, "set in {v}"),
    link(Fact::kFounder, Kind::kCompany, "founder", Kind::kPerson, "founded by {v}"),
    link(Fact::kHeadquarters, Kind::kCompany, "town", Kind::kTown, "headquarters in {v}"),
    plain(Fact::kCompanyFounded, Kind::kCompany, "founded", kYear, "founded in {v}"),
    plain(Fact::kEmployees, Kind::kCompany, "employees", kNumber, "{v} employees", "employees"),
    plain(Fact::kIndustry, Kind::kCompany, "industry", kWord, "industry: {v}"),
    link(Fact::kCampus, Kind::kUniversity, "town", Kind::kTown, "located in {v}"),
    link(Fact::kRector, Kind::kUniversity, "rector", Kind::kPerson, "rector: {v}"),
    plain(Fact::kUniversityFounded, Kind::kUniversity, "founded", kYear, "founded in {v}"),
    plain(Fact::kStudents, Kind::kUniversity, "students", kNumber, "{v} students", "students"),
    plain(Fact::kLength, Kind::kRiver, "length", kNumber, "{v} kilometres long", "kilometres"),
    link(Fact::kMouth, Kind::kRiver, "mouth", Kind::kRiver, "flows into the {v}"),
    link(Fact::kSource, Kind::kRiver, "source", Kind::kRange, "rises in the {v}"),
    link(Fact::kRiverTown, Kind::kRiver, "town", Kind::kTown, "rises near {v}"),
    link(Fact::kCountry, Kind::kTown, "country", Kind::kCountry, "in {v}"),
    link(Fact::kTownRiver, Kind::kTown, "river", Kind::kRiver, "stands on the {v}"),
    link(Fact::kMayor, Kind::kTown, "mayor", Kind::kPerson, "mayor: {v}"),
    plain(Fact::kPopulation, Kind::kTown, "population", kNumber, "population {v}", "inhabitants"),
    plain(Fact::kElevation, Kind::kTown, "elevation", kNumber, "elevation {v} metres", "metres"),
    plain(Fact::kChartered, Kind::kTown, "chartered", kYear, "town charter of {v}"),
    link(Fact::kHome, Kind::kTeam, "town", Kind::kTown, "based in {v}"),
    link(Fact::kCoach, Kind::kTeam, "coach", Kind::kPerson, "coached by {v}"),
    plain(Fact::kTeamFounded, Kind::kTeam, "founded", kYear, "founded in {v}"),
    plain(Fact::kCapacity, Kind::kTeam, "capacity", kNumber, "ground holds {v} spectators",
          "spectators"),
    plain(Fact::kSport, Kind::kTeam, "sport", kWord, "sport: {v}"),
    plain(Fact::kColours, Kind::kTeam, "colours", kWord, "colours: {v}"),
};
static_assert(kInfos.size() == kNumFacts);

constexpr bool in_order() {
  for (std::size_t i = 0; i < kInfos.size(); ++i) {
    if (static_cast<std::size_t>(kInfos[i].fact) != i) return false;
    if (i > 0 && kInfos[i].kind < kInfos[i - 1].kind) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

const FactInfo& info(Fact fact) { return kInfos[static_cast<std::size_t>(fact)]; }

std::span<const FactInfo> facts_of(Kind kind) {
  std::size_t begin = 0;
  while (begin < kInfos.size() && kInfos[begin].kind != kind) ++begin;
  std::size_t end = begin;
  while (end < kInfos.size() && kInfos[end].kind == kind) ++end;
  return std::span(kInfos).subspan(begin, end - begin);
}

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::kPerson:
      return "person";
    case Kind::kFilm:
      return "film";
    case Kind::kBook:
      return "novel";
    case Kind::kCompany:
      return "company";
    case Kind::kUniversity:
      return "university";
    case Kind::kRiver:
      return "river";
    case Kind::kTown:
      return "town";
    case Kind::kTeam:
      return "team";
    case Kind::kCountry:
      return "country";
    case Kind::kRange:
      return "range";
    case Kind::kAward:
      return "award";
  }
  MEMAGENT_CHECK(false, "kind {}", static_cast<int>(kind));
}

}  // namespace memagent::world
