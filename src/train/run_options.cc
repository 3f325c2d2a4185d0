#include "train/run_options.h"

#include <torch/utils.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/fail.h"
#include "train/out_of_memory.h"

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
    if (!says_out_of_memory(error.what_without_backtrace())) throw;
  } catch (const Error&) {
    throw;  // one line already
  } catch (const std::runtime_error& error) {
    if (!says_out_of_memory(error.what())) throw;  // of NCCL's, among others
  }
  fail(ErrorKind::kBadInput, "out of memory: lower {}", what);
}

}  // namespace memagent
