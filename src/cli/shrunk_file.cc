#include "cli/shrunk_file.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "base/check.h"

namespace memagent {
namespace {

std::atomic_flag g_told;

extern "C" void on_bus_error(int) {
  // Threads read the same file. The first tells and ends them all; to return would fault again.
  while (g_told.test_and_set()) ::pause();
  // Only what is safe in a signal handler.
  constexpr char kMessage[] =
      "memagent: a file was cut short while it was being read: do not change model files in use\n";
  if (::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1) < 0) {
    // Nobody is listening; the exit code says it too.
  }
  _exit(3);
}

}  // namespace

void report_shrunk_files() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  sigemptyset(&action.sa_mask);
  MEMAGENT_CHECK(sigaction(SIGBUS, &action, nullptr) == 0, "signal {}", SIGBUS);
}

}  // namespace memagent
