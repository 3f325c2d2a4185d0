#include "task/permutation.h"

#include <array>

#include "base/check.h"

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

// Every step waits for the one before, and for a multiplication each: eight numbers at a time keep
// the multiplier busy meanwhile.
void Permutation::forward(std::span<std::uint64_t> numbers) const {
  constexpr std::size_t kLanes = 8;
  std::size_t done = 0;
  for (; done + kLanes <= numbers.size(); done += kLanes) {
    std::uint64_t* const x = numbers.data() + done;
    std::array<std::uint64_t, kLanes> left;
    std::array<std::uint64_t, kLanes> right;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      right[lane] = x[lane] / a_;
      left[lane] = x[lane] - right[lane] * a_;
    }
    for (int i = 0; i < kRounds; ++i) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        left[lane] += round(2 * i, right[lane], a_);
        left[lane] -= left[lane] >= a_ ? a_ : 0;
      }
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        right[lane] += round(2 * i + 1, left[lane], b_);
        right[lane] -= right[lane] >= b_ ? b_ : 0;
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      x[lane] = right[lane] * a_ + left[lane];
      if (x[lane] >= size_) x[lane] = forward(x[lane]);  // seldom: walks on
    }
  }
  for (; done < numbers.size(); ++done) numbers[done] = forward(numbers[done]);
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
