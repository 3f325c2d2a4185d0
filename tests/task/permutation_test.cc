// The keyed permutation: every number once, there and back, and well mixed.
#include "task/permutation.h"

#include <gtest/gtest.h>

#include <vector>

namespace memagent {
namespace {

TEST(Permutation, HitsEveryNumberOnceAndComesBack) {
  for (std::uint64_t size = 1; size <= 300; ++size) {
    for (const std::uint64_t key : {0, 7}) {
      const Permutation permutation(size, key);
      std::vector<int> hits(size);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t image = permutation.forward(i);
        ASSERT_LT(image, size);
        ++hits[image];
        EXPECT_EQ(permutation.backward(image), i);
      }
      EXPECT_EQ(hits, std::vector<int>(size, 1)) << size << " with key " << key;
    }
  }
}

// Both sides of eight, and sizes of which many numbers have to walk on (a square and one more).
TEST(Permutation, OfManyAtOnceIsThatOfEach) {
  for (const std::uint64_t size : {1ULL, 2ULL, 9ULL, 17ULL, 101ULL, 65537ULL, 1ULL << 40}) {
    const Permutation permutation(size, 11);
    for (const std::uint64_t count : {0, 1, 7, 8, 9, 16, 33}) {
      std::vector<std::uint64_t> numbers(count);
      std::vector<std::uint64_t> expected(count);
      for (std::uint64_t i = 0; i < count; ++i) {
        numbers[i] = mix64(i) % size;
        expected[i] = permutation.forward(numbers[i]);
      }
      permutation.forward(numbers);
      EXPECT_EQ(numbers, expected) << count << " of " << size;
    }
  }
}

TEST(Permutation, ComesBackForLargeSizes) {
  for (const std::uint64_t size : {(1ULL << 32) + 1, 1ULL << 40, 999999999989ULL}) {
    const Permutation permutation(size, 3);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      const std::uint64_t at = i * (size / 1000);
      EXPECT_LT(permutation.forward(at), size);
      EXPECT_EQ(permutation.backward(permutation.forward(at)), at);
    }
  }
}

TEST(Permutation, DependsOnTheKeyAndKeepsNoNeighboursTogether) {
  constexpr std::uint64_t kSize = 100000;
  const Permutation one(kSize, 1);
  const Permutation two(kSize, 2);
  int equal = 0;
  int near = 0;
  int upper = 0;
  for (std::uint64_t i = 0; i + 1 < 10000; ++i) {
    const auto image = static_cast<std::int64_t>(one.forward(i));
    equal += image == static_cast<std::int64_t>(two.forward(i)) ? 1 : 0;
    near += std::abs(image - static_cast<std::int64_t>(one.forward(i + 1))) < 10 ? 1 : 0;
    upper += image >= static_cast<std::int64_t>(kSize / 2) ? 1 : 0;
  }
  // Of 10,000 draws: 0.1 are expected equal, 10,000 * 19 / 100,000 = 1.9 near, 5,000 in the upper
  // half with standard deviation 50. Bounds are far out: at most one in a million would miss them.
  EXPECT_LT(equal, 6);
  EXPECT_LT(near, 14);
  EXPECT_NEAR(upper, 5000, 250);
}

}  // namespace
}  // namespace memagent
