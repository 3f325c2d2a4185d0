#include "train/run_options.h"

#include <torch/utils.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <thread>

#include "base/fail.h"

namespace memagent {

int num_threads(int threads) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return threads > 0 ? threads : std::max(1, cores);
}

void use_threads(int threads) { torch::set_num_threads(num_threads(threads)); }

bool any_stopped(const RunOptions& options, const DataParallelGroup& group) {
  std::vector<double> stopped{options.stop != nullptr && options.stop->load() ? 1.0 : 0.0};
  group.sum(stopped);
  return stopped[0] > 0;
}

void within_memory(const std::string& what, const std::function<void()>& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
  } catch (const c10::Error& error) {
    // LibTorch's allocators have no exception of their own in 1.13.
    const std::string_view text = error.what_without_backtrace();
    if (text.find("allocate") == text.npos && text.find("out of memory") == text.npos) throw;
  }
  fail(ErrorKind::kBadInput, "out of memory: lower {}", what);
}

}  // namespace memagent
