#include "task/alike_keys.h"

#include <algorithm>

#include "base/check.h"
#include "task/permutation.h"

namespace memagent {
namespace {

constexpr int kNumStems = 6;

bool share_a_word(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t crossed = crossed_short_name(a, b);
  return crossed == a || crossed == b;
}

// Digit `place` of 32, from the left.
void set_digit(Uuid& uuid, int place, std::uint64_t digit) {
  std::uint64_t& half = place < 16 ? uuid.high : uuid.low;
  const int shift = 60 - 4 * (place % 16);
  half = (half & ~(std::uint64_t{15} << shift)) | (digit << shift);
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
  for (int i = 0; i < kNumStems; ++i) stems_.push_back(made_uuid(draw, split));
}

Uuid AlikeUuids::uuid(std::uint64_t number) const {
  RandomStream draw(derive(derive(key_, 1), number));
  while (true) {
    Uuid uuid = stems_[draw.below(kNumStems)];
    const std::uint64_t changes = 1 + draw.below(3);
    for (std::uint64_t i = 0; i < changes; ++i) {
      // Not the digits that tell a UUID's version and variant.
      int place = static_cast<int>(draw.below(30));
      place += place >= 12 ? 1 : 0;
      place += place >= 16 ? 1 : 0;
      set_digit(uuid, place, draw.below(16));
    }
    if (split_of(uuid.high ^ uuid.low) == split_) return uuid;
  }
}

}  // namespace memagent
