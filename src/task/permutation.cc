#include "task/permutation.h"

#include "base/check.h"
#include "base/random.h"

namespace memagent {
namespace {

std::uint64_t root_up(std::uint64_t size) {
  std::uint64_t root = 1;
  for (std::uint64_t bit = 1ULL << 20; bit > 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= size) root += bit;
  }
  return root * root < size ? root + 1 : root;
}

}  // namespace

Permutation::Permutation(std::uint64_t size, std::uint64_t key)
    : size_(size), a_(0), b_(0), key_(key) {
  MEMAGENT_CHECK(size >= 1 && size <= 1ULL << 40, "permutation of {}", size);
  a_ = root_up(size);
  b_ = (size + a_ - 1) / a_;
}

std::uint64_t Permutation::round(int number, std::uint64_t half, std::uint64_t modulus) const {
  const std::uint64_t draw = mix64(key_ ^ (half * 16 + static_cast<std::uint64_t>(number)));
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(draw) * modulus) >> 64);
}

std::uint64_t Permutation::forward(std::uint64_t x) const {
  do {
    std::uint64_t left = x % a_;
    std::uint64_t right = x / a_;
    for (int i = 0; i < kRounds; ++i) {
      left += round(2 * i, right, a_);
      if (left >= a_) left -= a_;
      right += round(2 * i + 1, left, b_);
      if (right >= b_) right -= b_;
    }
    x = right * a_ + left;
  } while (x >= size_);
  return x;
}

std::uint64_t Permutation::backward(std::uint64_t y) const {
  do {
    std::uint64_t left = y % a_;
    std::uint64_t right = y / a_;
    for (int i = kRounds - 1; i >= 0; --i) {
      right += b_ - round(2 * i + 1, left, b_);
      if (right >= b_) right -= b_;
      left += a_ - round(2 * i, right, a_);
      if (left >= a_) left -= a_;
    }
    y = right * a_ + left;
  } while (y >= size_);
  return y;
}

}  // namespace memagent
