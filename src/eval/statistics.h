// Means with honest intervals. Pure functions of their arguments; they know nothing of tasks.
#pragma once

#include <cstdint>
#include <span>

namespace memagent {

// Of values in a known range, with the bounds of a 95% interval.
struct Estimate {
  std::int64_t n = 0;
  double mean = 0;
  double low = 0;
  double high = 0;
};

// Scores, each in [0, 1]; at least one.
//
// The interval is the percentile bootstrap's: 2,000 resamples drawn from `seed`, their 50th
// smallest and 50th largest mean. Where all n scores are equal to some s the bootstrap would give
// [s, s], which no n rows can tell. Then: a share of rows below p0 = 0.05^(1/n) would have given n
// equal ones with a chance under 5%. So at least p0 of all rows score s, the rest may score
// anything, and the mean is in [p0 s, 1 - p0 (1 - s)]. For s = 1 that is the rule of three: [1 -
// 3/n, 1].
Estimate estimate(std::span<const double> scores, std::uint64_t seed);

// Of the differences of two methods on the same rows, each in [-1, 1]; otherwise the same.
Estimate estimate_difference(std::span<const double> differences, std::uint64_t seed);

// The unweighted mean of independent estimates. Half-widths add as squares, each side for itself.
// At least one; n is the sum.
Estimate mean_of(std::span<const Estimate> estimates);

}  // namespace memagent
