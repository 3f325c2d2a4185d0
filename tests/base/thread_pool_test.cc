// The fork-join pool: every item once, whoever does it, and nobody is waited for who does nothing.
#include "base/thread_pool.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <vector>

namespace memagent {
namespace {

TEST(ThreadPool, EveryItemIsDoneOnce) {
  for (const int threads : {1, 2, 3, 16}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const std::int64_t count : {0, 1, 2, 7, 64, 1000}) {
      for (const std::int64_t grain : {1, 3, 64}) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
        std::atomic<bool> wrong{false};
        pool.parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
          if (thread < 0 || thread >= threads || begin >= end) wrong = true;
          for (std::int64_t i = begin; i < end; ++i) {
            ++done[static_cast<std::size_t>(i)];
          }
        });
        EXPECT_FALSE(wrong);
        for (const std::atomic<int>& times : done) EXPECT_EQ(times, 1);
      }
    }
  }
}

// Regions follow one another faster than threads come and go: what one writes, without atomics, the
// next reads.
TEST(ThreadPool, RegionsDoNotRunIntoOneAnother) {
  ThreadPool pool(4);
  std::vector<std::int64_t> values(8, 0);
  constexpr std::int64_t kRegions = 20'000;
  for (std::int64_t region = 0; region < kRegions; ++region) {
    const std::vector<std::int64_t> before = values;
    pool.parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        values[at] = before[(at + 1) % 8] + 1;
      }
    });
  }
  for (const std::int64_t value : values) EXPECT_EQ(value, kRegions);
}

std::atomic<bool> g_held{false};
std::atomic<bool> g_let_go{false};

// The threads of this process but the calling one.
std::vector<pid_t> other_threads() {
  std::vector<pid_t> threads;
  DIR* folder = ::opendir("/proc/self/task");
  if (folder == nullptr) return threads;
  while (const dirent* entry = ::readdir(folder)) {
    const auto thread = static_cast<pid_t>(std::atoi(entry->d_name));
    if (thread > 0 && thread != ::gettid()) threads.push_back(thread);
  }
  ::closedir(folder);
  return threads;
}

// On a busy machine a worker may not get a processor for many milliseconds, which was waited for in
// every region: a reading took twelve times as long with two threads as with one. Here one is held
// in a signal handler meanwhile.
TEST(ThreadPool, AWorkerThatIsHeldUpIsNotWaitedFor) {
  const std::vector<pid_t> before = other_threads();
  ThreadPool pool(2);
  pid_t worker = 0;
  for (const pid_t thread : other_threads()) {
    if (std::find(before.begin(), before.end(), thread) == before.end()) worker = thread;
  }
  ASSERT_NE(worker, 0);
  struct sigaction action {};
  struct sigaction usual {};
  action.sa_handler = [](int) {
    g_held = true;
    while (!g_let_go) ::sched_yield();
  };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &usual), 0);
  ASSERT_EQ(::syscall(SYS_tgkill, ::getpid(), worker, SIGUSR1), 0);
  while (!g_held) ::sched_yield();
  std::int64_t sum = 0;
  pool.parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    EXPECT_EQ(thread, 0);
    for (std::int64_t i = begin; i < end; ++i) sum += i;
  });
  EXPECT_EQ(sum, 4950);
  g_let_go = true;
  std::atomic<std::int64_t> items{0};
  for (int region = 0; region < 100; ++region) {
    pool.parallel_for(100, 1,
                      [&](std::int64_t begin, std::int64_t end, int) { items += end - begin; });
  }
  EXPECT_EQ(items, 10'000);
  ::sigaction(SIGUSR1, &usual, nullptr);
}

}  // namespace
}  // namespace memagent
