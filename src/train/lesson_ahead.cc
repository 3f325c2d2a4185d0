#include "train/lesson_ahead.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace memagent {
namespace {

// A stage and a number.
using Key = std::pair<std::size_t, std::int64_t>;

struct Draw {
  Key key;
  bool ready = false;
  std::vector<Lesson> lessons;
  std::exception_ptr error;
};

}  // namespace

struct LessonAhead::State {
  const LessonSource& source;
  LessonAheadOptions options;

  std::mutex mutex;
  std::condition_variable asked;  // there is something to draw, or it is over
  std::condition_variable drawn;
  bool over = false;
  std::deque<std::shared_ptr<Draw>> waiting;
  std::map<Key, std::shared_ptr<Draw>> draws;  // waiting, under way or ready
  std::vector<std::thread> threads;

  State(const LessonSource& source_in, const LessonAheadOptions& options_in)
      : source(source_in), options(options_in) {}

  // With the mutex held.
  std::shared_ptr<Draw> ask(const Key& key) {
    std::shared_ptr<Draw>& draw = draws[key];
    if (draw == nullptr) {
      draw = std::make_shared<Draw>();
      draw->key = key;
      waiting.push_back(draw);
      asked.notify_one();
    }
    return draw;
  }

  void draw_all() {
    std::unique_lock lock(mutex);
    while (true) {
      asked.wait(lock, [this] { return over || !waiting.empty(); });
      if (over) return;
      const std::shared_ptr<Draw> draw = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      std::vector<Lesson> lessons;
      std::exception_ptr error;
      try {
        lessons = source.draw(draw->key.first, draw->key.second);
      } catch (...) {  // it is the taker's
        error = std::current_exception();
      }
      lock.lock();
      draw->lessons = std::move(lessons);
      draw->error = error;
      draw->ready = true;
      drawn.notify_all();
    }
  }
};

LessonAhead::LessonAhead(const LessonSource& source, const LessonAheadOptions& options)
    : state_(std::make_unique<State>(source, options)) {
  for (int i = 0; i < options.threads; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->draw_all(); });
  }
}

LessonAhead::~LessonAhead() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
  }
  state_->asked.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

std::vector<Lesson> LessonAhead::take(std::size_t stage, std::int64_t number, std::int64_t stride) {
  State& s = *state_;
  if (s.threads.empty()) return s.source.draw(stage, number);
  std::unique_lock lock(s.mutex);
  // Those of a stage that is over are not wanted any more.
  std::erase_if(s.draws, [stage](const auto& entry) { return entry.first.first != stage; });
  std::erase_if(s.waiting, [stage](const auto& draw) { return draw->key.first != stage; });
  const std::shared_ptr<Draw> draw = s.ask({stage, number});
  for (std::int64_t i = 1; i <= s.options.ahead; ++i) s.ask({stage, number + i * stride});
  s.drawn.wait(lock, [&] { return draw->ready; });
  s.draws.erase(draw->key);
  if (draw->error) std::rethrow_exception(draw->error);
  return std::move(draw->lessons);
}

}  // namespace memagent
