// Names of entities: every kind has a space of names, mixed-radix numbers whose digits choose words
// or parts of words, and entities are scattered over it by a keyed permutation.
//
// Splits never share a name whatever their seeds: the last digit's parity together with that of the
// other digits is the split. Within a split the permutation gives every entity a name of its own.
// Near-duplicates are names that differ in one digit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "task/permutation.h"
#include "task/task.h"
#include "task/world/entity.h"

namespace memagent::world {

enum class NameForm {
  kWoman,
  kMan,
  kFilm,
  kBook,
  kCompany,
  kUniversity,
  kRiver,
  kTown,
  kTeam,
  kCountry,
  kRange,
  kAward
};
inline constexpr int kNumNameForms = 12;

// The names of one form.
class NameSpace {
 public:
  NameSpace(NameForm form, std::uint64_t seed, Split split);

  std::uint64_t count() const { return places_.size(); }
  // Appends the name of number `place`, below count(). `industry` is for companies.
  void append(std::uint64_t place, int industry, std::string& out) const;
  // The `attempt`-th name that differs from that of `place` in one digit; nothing where that is no
  // name of this split. Every kNearAttempts attempts begin with the closest names.
  static constexpr std::uint64_t kNearAttempts = 1000;
  std::optional<std::uint64_t> near(std::uint64_t place, std::uint64_t attempt) const;

 private:
  static constexpr int kMaxDigits = 6;
  using Digits = std::array<std::uint32_t, kMaxDigits>;
  Digits digits(std::uint64_t place) const;

  NameForm form_;
  Split split_;
  std::vector<std::uint32_t> radix_;  // the last is even
  Permutation places_;
};

// A person's surname alone: the last word of the name.
std::string_view surname(std::string_view name);

}  // namespace memagent::world
