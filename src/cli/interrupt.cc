#include "cli/interrupt.h"

#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/check.h"

namespace memagent {
namespace {

std::atomic<bool> g_stopped{false};
std::atomic<LanguageModel*> g_model{nullptr};
sem_t g_signalled;  // posted by the first signal
static_assert(std::atomic<bool>::is_always_lock_free);
static_assert(std::atomic<LanguageModel*>::is_always_lock_free);

extern "C" void on_signal(int) {
  if (g_stopped.exchange(true)) _exit(130);
  sem_post(&g_signalled);
  if (LanguageModel* model = g_model.load(); model != nullptr) model->wake();
}

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    MEMAGENT_CHECK(sigaction(signal, nullptr, &before) == 0, "signal {}", signal);
    // Under nohup a closed terminal ends nothing.
    if (signal == SIGHUP && before.sa_handler == SIG_IGN) continue;
    MEMAGENT_CHECK(sigaction(signal, &action, nullptr) == 0, "signal {}", signal);
  }
}

}  // namespace

Interrupt::Interrupt() {
  g_stopped = false;
  sem_init(&g_signalled, 0, 0);
  set_handler(on_signal);
}

Interrupt::~Interrupt() {
  set_handler(SIG_DFL);
  g_model = nullptr;
  sem_destroy(&g_signalled);
}

void Interrupt::set_model(LanguageModel* model) { g_model = model; }

void Interrupt::wait() const {
  while (sem_wait(&g_signalled) != 0) {
  }
}

bool Interrupt::wait_for(std::chrono::milliseconds time) const {
  timespec until{};
  MEMAGENT_CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0, "no clock");
  const auto total = std::chrono::seconds(until.tv_sec) + std::chrono::nanoseconds(until.tv_nsec) +
                     std::chrono::nanoseconds(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(total);
  until.tv_sec = seconds.count();
  until.tv_nsec = (total - seconds).count();
  while (!stopped() && sem_clockwait(&g_signalled, CLOCK_MONOTONIC, &until) != 0) {
    if (errno != EINTR) return stopped();
  }
  return stopped();
}

void Interrupt::end_wait() const { sem_post(&g_signalled); }

const std::atomic<bool>* Interrupt::flag() const { return &g_stopped; }

}  // namespace memagent
