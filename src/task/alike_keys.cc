#include "task/alike_keys.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "task/permutation.h"

namespace memagent {
namespace {

constexpr std::uint64_t kNumStems = 6;
constexpr std::uint64_t kMostChanges = 3;
constexpr std::uint64_t kOtherDigits = 15;  // than the stem's
constexpr std::uint64_t kPlaces = 30;       // of digits that may change

// How many there are of one change, and of two and three without the last one's digit, which
// decides whose split it is.
constexpr std::uint64_t kNumSingles = kNumStems * kOtherDigits * kPlaces;
constexpr std::uint64_t kNumPairs = kNumStems * kOtherDigits * (kPlaces * (kPlaces - 1) / 2);
constexpr std::uint64_t kNumTriples =
    kNumStems * kOtherDigits * kOtherDigits * (kPlaces * (kPlaces - 1) * (kPlaces - 2) / 6);

bool share_a_word(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t crossed = crossed_short_name(a, b);
  return crossed == a || crossed == b;
}

// The lowest of `code`'s digits to this base, which it loses.
std::uint64_t take(std::uint64_t& code, std::uint64_t base) {
  return std::exchange(code, code / base) % base;
}

// The highest of the `count` places that `code` stands for, counting sets of so many places in
// order of their highest; `code` becomes that of the others.
template <std::uint64_t count>
std::uint64_t highest_of(std::uint64_t& code) {
  const auto sets_below = [](std::uint64_t place) {
    return count == 2 ? place * (place - 1) / 2 : place * (place - 1) * (place - 2) / 6;
  };
  std::uint64_t place = count - 1;
  while (sets_below(place + 1) <= code) ++place;
  code -= sets_below(place);
  return place;
}

// Digit `place` of the 30 that do not tell a UUID's version or variant, from the left. The
// difference, 1 to 15, is that of its bits.
void change_digit(Uuid& uuid, std::uint64_t place, std::uint64_t difference) {
  place += place >= 12 ? 1 : 0;
  place += place >= 16 ? 1 : 0;
  std::uint64_t& half = place < 16 ? uuid.high : uuid.low;
  half ^= difference << (60 - 4 * (place % 16));
}

std::uint64_t different_digits(Uuid a, Uuid b) {
  std::uint64_t digits = 0;
  for (std::uint64_t rest = a.high ^ b.high; rest != 0; rest >>= 4) digits += (rest & 15) != 0;
  for (std::uint64_t rest = a.low ^ b.low; rest != 0; rest >>= 4) digits += (rest & 15) != 0;
  return digits;
}

}  // namespace

AlikeNames::AlikeNames(Split split, std::uint64_t key) : key_(key) {
  RandomStream draw(derive(key, 0));
  while (words_.size() < kNumWords) {
    const std::uint64_t name = drawn_short_name(draw, split);
    const bool fits = std::all_of(words_.begin(), words_.end(), [name](std::uint64_t other) {
      return is_coined(name) == is_coined(other) && !share_a_word(name, other);
    });
    if (fits) words_.push_back(name);
  }
}

std::uint64_t AlikeNames::name(std::uint64_t number) const {
  MEMAGENT_CHECK(number < kNumNames, "name {}", number);
  const std::uint64_t pair = Permutation(kNumNames, key_).forward(number);
  return crossed_short_name(words_[pair / kNumWords], words_[pair % kNumWords]);
}

AlikeUuids::AlikeUuids(Split split, std::uint64_t key) : split_(split), key_(key) {
  RandomStream draw(derive(key, 0));
  while (stems_.size() < kNumStems) {
    const Uuid stem = made_uuid(draw, split);
    // What is made of one stem cannot be made of another.
    if (std::ranges::all_of(stems_, [stem](Uuid other) {
          return different_digits(stem, other) > 2 * kMostChanges;
        })) {
      stems_.push_back(stem);
    }
  }
  for (std::uint16_t code = 0; code < kNumSingles; ++code) {
    if (is_ours(single(code))) singles_.push_back(code);
  }
}

Uuid AlikeUuids::uuid(std::uint64_t number) const {
  RandomStream draw(derive(derive(key_, 1), number));
  std::uint64_t changes = 1 + draw.below(kMostChanges);
  // A kind that is used up leaves its numbers to the next. No two numbers of a kind share a place.
  if (changes == 1 && number < singles_.size()) {
    return single(singles_[place_of(number, singles_.size())]);
  }
  if (changes < 3 && number < kNumPairs) {
    std::uint64_t code = place_of(number, kNumPairs);
    Uuid uuid = stems_[take(code, kNumStems)];
    const std::uint64_t first = take(code, kOtherDigits);
    const std::uint64_t high = highest_of<2>(code);
    change_digit(uuid, code, 1 + first);
    if (const std::optional<Uuid> whole = changed_into_ours(uuid, high, draw)) return *whole;
  } else if (number < kNumTriples) {
    std::uint64_t code = place_of(number, kNumTriples);
    Uuid uuid = stems_[take(code, kNumStems)];
    const std::uint64_t first = take(code, kOtherDigits);
    const std::uint64_t second = take(code, kOtherDigits);
    const std::uint64_t high = highest_of<3>(code);
    const std::uint64_t middle = highest_of<2>(code);
    change_digit(uuid, code, 1 + first);
    change_digit(uuid, middle, 1 + second);
    if (const std::optional<Uuid> whole = changed_into_ours(uuid, high, draw)) return *whole;
  }
  return made_uuid(draw, split_);
}

Uuid AlikeUuids::single(std::uint64_t code) const {
  Uuid uuid = stems_[take(code, kNumStems)];
  const std::uint64_t difference = 1 + take(code, kOtherDigits);
  change_digit(uuid, code, difference);
  return uuid;
}

std::optional<Uuid> AlikeUuids::changed_into_ours(Uuid uuid, std::uint64_t place,
                                                  RandomStream& draw) const {
  const std::uint64_t from = draw.below(kOtherDigits);
  for (std::uint64_t i = 0; i < kOtherDigits; ++i) {
    Uuid changed = uuid;
    change_digit(changed, place, 1 + (from + i) % kOtherDigits);
    if (is_ours(changed)) return changed;
  }
  return std::nullopt;
}

bool AlikeUuids::is_ours(Uuid uuid) const { return split_of(uuid.high ^ uuid.low) == split_; }

std::uint64_t AlikeUuids::place_of(std::uint64_t number, std::uint64_t size) const {
  return Permutation(size, key_).forward(number);
}

}  // namespace memagent
