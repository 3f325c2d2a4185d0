// Counter-based random numbers: every draw is a pure function of its coordinates, so that item 7
// draws the same numbers alone, in any order, on any number of threads, in any batch.
//
// The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood, 2014), applied to each
// coordinate in turn. It passes no claim of cryptographic strength.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace memagent {

constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// The key of a sub-stream: derive(derive(seed, purpose), item).
constexpr std::uint64_t derive(std::uint64_t key, std::uint64_t coordinate) {
  return mix64(key ^ mix64(coordinate));
}

// Uniform in [0, 1), 53 bits.
constexpr double uniform(std::uint64_t key, std::uint64_t counter) {
  return static_cast<double>(derive(key, counter) >> 11) * 0x1.0p-53;
}

// Draws in sequence from one stream; for generators that make many values of one item.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t key) : key_(key) {}
  std::uint64_t next() { return derive(key_, counter_++); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // Uniform in [0, n); n at least 1.
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

template <typename T>
void shuffle(std::vector<T>& items, RandomStream& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

}  // namespace memagent
