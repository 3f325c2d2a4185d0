// A keyed permutation of [0, size): scrambles counters into places of a name space and back without
// a table. A Feistel network whose halves are numbers below a and b, a * b just above size, walks
// on until it lands inside (Black and Rogaway, 2002). Knows nothing about names.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.h"

namespace memagent {

class Permutation {
 public:
  // size in [1, 2^40].
  Permutation(std::uint64_t size, std::uint64_t key);

  std::uint64_t size() const { return size_; }
  std::uint64_t forward(std::uint64_t x) const;
  // Of each number in its place: the same, faster, since steps of several numbers overlap.
  void forward(std::span<std::uint64_t> numbers) const;
  std::uint64_t backward(std::uint64_t y) const;

 private:
  static constexpr int kRounds = 4;  // pairs of half-rounds
  std::uint64_t round(int number, std::uint64_t half, std::uint64_t modulus) const {
    const std::uint64_t draw = mix64(key_ ^ (half * 16 + static_cast<std::uint64_t>(number)));
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(draw) * modulus) >> 64);
  }

  std::uint64_t size_;
  std::uint64_t a_;
  std::uint64_t b_;
  std::uint64_t key_;
};

}  // namespace memagent
