#include "train/run_options.h"

#include <torch/utils.h>

#include <algorithm>
#include <thread>

namespace memagent {

void use_threads(int threads) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  torch::set_num_threads(threads > 0 ? threads : std::max(1, cores));
}

bool any_stopped(const RunOptions& options, const DataParallelGroup& group) {
  std::vector<double> stopped{options.stop != nullptr && options.stop->load() ? 1.0 : 0.0};
  group.sum(stopped);
  return stopped[0] > 0;
}

}  // namespace memagent
