#include "train/run_options.h"

#include <torch/utils.h>

#include <algorithm>
#include <thread>

namespace memagent {

void use_threads(int threads) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  torch::set_num_threads(threads > 0 ? threads : std::max(1, cores));
}

}  // namespace memagent
