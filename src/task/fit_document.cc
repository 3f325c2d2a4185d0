// Sizes are guessed by straight lines: through the least document and the best so far, and once one
// was too large, through that and the best. Small documents are made first, because they cost
// little and a guess is never trusted to more than eight times the size known.
#include "task/fit_document.h"

#include <algorithm>
#include <utility>

namespace memagent {
namespace {

constexpr double kMostGrowth = 8;
constexpr int kLines = 8;  // once one was too large; then halving, which always ends

}  // namespace

std::shared_ptr<const UnitDocument> fit_document(std::int64_t least, std::int64_t limit,
                                                 const MakeDocument& make) {
  std::shared_ptr<const UnitDocument> best = make(least);
  if (best->tokens > limit) return nullptr;
  const std::int64_t least_tokens = best->tokens;
  std::int64_t size = least;  // of the best
  std::int64_t too_large = -1;
  std::int64_t too_large_tokens = 0;
  const auto slope = [](std::int64_t tokens, std::int64_t steps) {
    return std::max(0.01, static_cast<double>(tokens) / static_cast<double>(steps));
  };
  double step_tokens = slope(least_tokens, least);
  for (int bounded = 0; too_large != size + 1;) {
    const double missing = static_cast<double>(limit - best->tokens) / step_tokens;
    if (size > least && missing < 1) break;
    const double most = (kMostGrowth - 1) * static_cast<double>(size);
    std::int64_t guess =
        size + std::max(std::int64_t{1}, static_cast<std::int64_t>(std::min(missing, most)));
    if (too_large >= 0) {
      guess = ++bounded < kLines ? std::min(guess, too_large - 1) : (size + too_large) / 2;
    }
    std::shared_ptr<const UnitDocument> made = make(guess);
    if (made->tokens > limit) {
      too_large = guess;
      too_large_tokens = made->tokens;
    } else {
      size = guess;
      best = std::move(made);
    }
    step_tokens = too_large >= 0 ? slope(too_large_tokens - best->tokens, too_large - size)
                                 : slope(best->tokens - least_tokens, size - least);
  }
  return best;
}

}  // namespace memagent
