#include "train/drawing.h"

#include <cmath>

#include "base/fail.h"

namespace memagent {

std::int64_t drawn_length(RandomStream& random, const std::vector<std::int64_t>& range) {
  const double from = std::log(static_cast<double>(range.front()));
  const double to = std::log(static_cast<double>(range.back()));
  return std::llround(std::exp(from + random.uniform() * (to - from)));
}

bool drawn_share(RandomStream& random, double share) {
  return share > 0 && random.uniform() < share;
}

std::size_t drawn_task(RandomStream& random, const std::vector<TaskWeight>& tasks) {
  double total = 0;
  for (const TaskWeight& task : tasks) total += task.weight;
  double at = random.uniform() * total;
  for (std::size_t i = 0; i + 1 < tasks.size(); ++i) {
    at -= tasks[i].weight;
    if (at < 0) return i;
  }
  return tasks.size() - 1;
}

std::shared_ptr<const Sample> drawn_until_it_fits(
    const std::function<std::shared_ptr<const Sample>(std::uint64_t attempt)>& draw,
    const PromptRenderer& renderer, std::int32_t question_tokens, const std::string& where) {
  constexpr std::uint64_t kMostAttempts = 100;
  for (std::uint64_t attempt = 0; attempt < kMostAttempts; ++attempt) {
    auto drawn = draw(attempt);
    if (renderer.count_tokens(drawn->row().question) <= question_tokens) return drawn;
  }
  fail(ErrorKind::kBadInput,
       "{}: {} questions drawn one after another are longer than reading.question_tokens ({}): "
       "raise it",
       where, kMostAttempts, question_tokens);
}

}  // namespace memagent
