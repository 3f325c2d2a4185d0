// The synthetic world: for every entity its name and the values of its facts, as pure functions of
// (seed, split, entity). Values agree with each other: a director is a film director by profession
// and alive and grown up when the film was released, the spouse's spouse is oneself, a novel is
// older than its film, a river flows into a longer one.
//
// Where one fact has to fit another, the constraining value (a year, a profession, a length) is
// part of an entity's index, so that "a composer born between 1900 and 1930" is picked by
// arithmetic instead of searched for.
//
// Immutable after construction; every method may be called from any number of threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "task/task.h"
#include "task/world/entity.h"
#include "task/world/facts.h"
#include "task/world/names.h"

namespace memagent::world {

struct Value {
  ValueType type = ValueType::kNumber;
  Entity entity = {};          // kEntity
  std::int64_t number = 0;     // kYear, kNumber; kDate as year * 10,000 + month * 100 + day
  std::string_view word = {};  // kWord

  bool operator==(const Value&) const = default;
};

class World {
 public:
  World(std::uint64_t seed, Split split);

  // Entities of a kind in each circle; indices beyond do not exist.
  std::uint64_t count(Kind kind) const;

  // False where an entity lacks the fact: the living have no date of death.
  bool has(const Entity& entity, Fact fact) const;
  Value value(const Entity& entity, Fact fact) const;  // only if has()
  bool is_woman(const Entity& person) const;

  void append_name(const Entity& entity, std::string& out) const;
  std::string name(const Entity& entity) const;

  // The `number`-th entity of `circle` whose name is nearly that of `entity`.
  Entity near(const Entity& entity, Circle circle, std::uint64_t number) const;
  // Any entity of a kind: the `draw` decides.
  Entity any(Kind kind, Circle circle, std::uint64_t draw) const;

 private:
  struct Place {  // of a name
    NameForm form;
    std::uint64_t number;
  };
  Place place(const Entity& entity) const;
  std::optional<Entity> at(const Place& place, Kind kind) const;
  std::uint64_t draw(const Entity& entity, Fact fact) const;
  Entity person(const Entity& from, Fact fact, std::int64_t born_from, std::int64_t born_to,
                int occupation) const;
  // An entity of a kind whose index holds a year or a length between two bounds.
  Entity dated(Kind kind, Circle circle, std::uint64_t draw, std::int64_t from, std::int64_t to,
               int industry = 0) const;
  Value person_value(const Entity& person, Fact fact) const;
  Value work_value(const Entity& work, Fact fact) const;    // films and books
  Value place_value(const Entity& place, Fact fact) const;  // all else

  std::uint64_t seed_;
  std::vector<NameSpace> names_;  // by NameForm
};

}  // namespace memagent::world
