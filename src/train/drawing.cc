#include "train/drawing.h"

#include <cmath>

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

}  // namespace memagent
