#include "task/world/layout.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace memagent::world {
namespace {

constexpr double kMargin = 0.1;  // of a part, at its edges to others: paragraphs never meet there
constexpr double kGoldenRatio = 0.6180339887498949;

// 0, 1/2, 1/4, 3/4, 1/8, ...
double van_der_corput(std::uint64_t i) {
  double value = 0;
  for (double half = 0.5; i > 0; i >>= 1, half /= 2) value += static_cast<double>(i & 1) * half;
  return value;
}

}  // namespace

std::int64_t num_orders(std::size_t count) {
  std::int64_t orders = 1;
  for (std::size_t i = 2; i <= count; ++i) orders *= static_cast<std::int64_t>(i);
  return orders;
}

std::vector<double> supporting_depths(std::int64_t index, std::size_t count, std::uint64_t key) {
  std::vector<std::size_t> part(count);
  std::iota(part.begin(), part.end(), std::size_t{0});
  const std::int64_t orders = num_orders(count);
  for (std::int64_t i = index % orders; i > 0; --i) std::next_permutation(part.begin(), part.end());

  const double turn = van_der_corput(static_cast<std::uint64_t>(index / orders)) + uniform(key, 0);
  std::vector<double> depths(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double shifted = turn + kGoldenRatio * static_cast<double>(i);
    const double low = part[i] == 0 ? 0 : kMargin;
    const double high = part[i] + 1 == count ? 1 : 1 - kMargin;
    const double within = low + (high - low) * (shifted - std::floor(shifted));
    depths[i] = (static_cast<double>(part[i]) + within) / static_cast<double>(count);
  }
  return depths;
}

}  // namespace memagent::world
