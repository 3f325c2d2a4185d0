// Lessons drawn by threads of their own while the device learns from those before: a device takes a
// million tokens a second, and one thread draws some hundred thousand.
//
// What comes out is what LessonSource::draw gives, whatever the threads do.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "train/lessons.h"

namespace memagent {

struct LessonAheadOptions {
  int threads = 0;         // 0: lessons are drawn when they are asked for
  std::int64_t ahead = 0;  // draws that may be ready or under way
};

class LessonAhead {
 public:
  // `source` must outlive this.
  LessonAhead(const LessonSource& source, const LessonAheadOptions& options);
  // Waits for the draws under way.
  ~LessonAhead();
  LessonAhead(const LessonAhead&) = delete;
  LessonAhead& operator=(const LessonAhead&) = delete;

  // source.draw(stage, number). It is taken that number + stride, number + 2 stride and so on of
  // the same stage are asked for next. Not to be called by two threads at once.
  std::vector<Lesson> take(std::size_t stage, std::int64_t number, std::int64_t stride);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
