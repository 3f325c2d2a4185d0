// What there is in the world: kinds of entity, and how one is addressed.
//
// An entity is a number; everything about it (its name, its dates, who founded it) is worked out
// from the number when asked for (world.h), so there is no end of entities and nothing is stored.
// A circle is a part of the world that is closed under every relation: a director of the film of
// one circle is a person of the same circle. What a question is about lives in one circle, its
// near-duplicates in another, filler in a third; so filler cannot mention, by any chance of the
// draw, what a question rests on.
#pragma once

#include <cstdint>

namespace memagent::world {

enum class Kind : std::uint8_t {
  kPerson,
  kFilm,
  kBook,
  kCompany,
  kUniversity,
  kRiver,
  kTown,
  kTeam,
  // Named, but without facts or paragraphs of their own; shared by all circles.
  kCountry,
  kRange,
  kAward,
};
inline constexpr int kNumSubjectKinds = 8;  // those that paragraphs are about
inline constexpr int kNumKinds = 11;
inline constexpr bool is_subject(Kind kind) { return static_cast<int>(kind) < kNumSubjectKinds; }
const char* to_string(Kind kind);  // "film"

enum class Circle : std::uint8_t { kQuestion, kNearDuplicate, kFiller };
inline constexpr std::uint64_t kNumCircles = 3;

struct Entity {
  Kind kind = Kind::kPerson;
  Circle circle = Circle::kFiller;
  std::uint64_t index = 0;  // in [0, World::count(kind))

  bool operator==(const Entity&) const = default;
};

}  // namespace memagent::world
