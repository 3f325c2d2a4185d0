// What can be known about an entity: its facts, each with the type of its value. A fact whose value
// is an entity is a link that a chain of reasoning can follow. What is said about them, and asked,
// is in the tables of forms and wordings; which value an entity has, in world.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "task/world/entity.h"

namespace memagent::world {

enum class Fact : std::uint8_t {
  kBorn,
  kDied,
  kBirthplace,
  kOccupation,
  kEducation,
  kSpouse,
  kTeacher,
  kEmployer,
  kPersonAward,
  kDirector,
  kStar,
  kComposer,
  kStudio,
  kBasis,
  kReleased,
  kRuntime,
  kFilmGenre,
  kFilmSetting,
  kAuthor,
  kPublisher,
  kPublished,
  kPages,
  kBookGenre,
  kBookSetting,
  kFounder,
  kHeadquarters,
  kCompanyFounded,
  kEmployees,
  kIndustry,
  kCampus,
  kRector,
  kUniversityFounded,
  kStudents,
  kLength,
  kMouth,
  kSource,
  kRiverTown,
  kCountry,
  kTownRiver,
  kMayor,
  kPopulation,
  kElevation,
  kChartered,
  kHome,
  kCoach,
  kTeamFounded,
  kCapacity,
  kSport,
  kColours,
};
inline constexpr int kNumFacts = static_cast<int>(Fact::kColours) + 1;

enum class ValueType : std::uint8_t { kEntity, kYear, kDate, kNumber, kWord };

struct FactInfo {
  Fact fact;
  Kind kind;             // whose fact it is
  std::string_view key;  // what sentence forms call it, unique within the kind
  ValueType type;
  Kind target;            // of kEntity
  std::string_view unit;  // of kNumber, as an answer may give it; may be empty
  std::string_view note;  // what an ideal memory keeps: "directed by {v}"
};

const FactInfo& info(Fact fact);
// The facts of a kind, in the order of the enumeration.
std::span<const FactInfo> facts_of(Kind kind);

// A set of facts, of one kind.
class FactSet {
 public:
  FactSet() = default;
  void add(Fact fact) { bits_ |= bit(fact); }
  bool has(Fact fact) const { return (bits_ & bit(fact)) != 0; }
  bool empty() const { return bits_ == 0; }
  bool meets(FactSet other) const { return (bits_ & other.bits_) != 0; }
  bool within(FactSet other) const { return (bits_ & ~other.bits_) == 0; }
  void add(FactSet other) { bits_ |= other.bits_; }
  void remove(FactSet other) { bits_ &= ~other.bits_; }
  void keep(FactSet other) { bits_ &= other.bits_; }

 private:
  static std::uint64_t bit(Fact fact) { return 1ULL << static_cast<int>(fact); }
  std::uint64_t bits_ = 0;
};

}  // namespace memagent::world
