// A keyed permutation of [0, size): scrambles counters into places of a name space and back without
// a table. A Feistel network whose halves are numbers below a and b, a * b just above size, walks
// on until it lands inside (Black and Rogaway, 2002). Knows nothing about names.
#pragma once

#include <cstdint>

namespace memagent {

class Permutation {
 public:
  // size in [1, 2^40].
  Permutation(std::uint64_t size, std::uint64_t key);

  std::uint64_t size() const { return size_; }
  std::uint64_t forward(std::uint64_t x) const;
  std::uint64_t backward(std::uint64_t y) const;

 private:
  static constexpr int kRounds = 4;  // pairs of half-rounds
  std::uint64_t round(int number, std::uint64_t half, std::uint64_t modulus) const;

  std::uint64_t size_;
  std::uint64_t a_;
  std::uint64_t b_;
  std::uint64_t key_;
};

}  // namespace memagent
