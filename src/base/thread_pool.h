// A fork-join pool: one caller, a fixed number of threads, very short parallel regions.
//
// Threads spin briefly between regions, since a transformer layer starts one every few tens of
// microseconds, then sleep. Which thread does which part is not fixed; results must not depend on
// it. The caller waits for threads that are at work, never for one that has yet to come: where
// other programs keep the processors busy, it does the work itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace memagent {

class ThreadPool {
 public:
  // `threads` in all, the caller included; at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(begin, end, thread) for disjoint ranges that cover [0, count), `grain` items each,
  // and returns when all are done. Only one thread may call this at a time. `body` must not throw.
  template <typename Body>
  void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
    if (count <= 0) return;
    if (workers_.empty() || count <= grain) {
      body(std::int64_t{0}, count, 0);
      return;
    }
    run(count, grain, &call<Body>, &body);
  }

 private:
  using Call = void (*)(const void* body, std::int64_t begin, std::int64_t end, int thread);
  template <typename Body>
  static void call(const void* body, std::int64_t begin, std::int64_t end, int thread) {
    (*static_cast<const Body*>(body))(begin, end, thread);
  }
  void run(std::int64_t count, std::int64_t grain, Call function, const void* body);
  void work(int thread);
  bool enter();
  void take_parts(int thread);

  std::vector<std::thread> workers_;
  // A bit of `gate_`: a region is open. The rest counts the workers that are in it.
  static constexpr std::uint32_t kOpen = std::uint32_t{1} << 31;

  // One region at a time; written by the caller while the gate is closed and nobody is inside.
  Call call_ = nullptr;
  const void* body_ = nullptr;
  std::int64_t count_ = 0;
  std::int64_t grain_ = 1;
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<std::uint32_t> generation_{0};  // of regions: what workers wait for
  alignas(64) std::atomic<std::uint32_t> gate_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace memagent
