#include "server/event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {

EventQueue::EventQueue() : ready_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (ready_fd_ < 0) {
    fail(ErrorKind::kInterrupted, "the server is out of descriptors: {}: try again later",
         std::strerror(errno));
  }
}

EventQueue::~EventQueue() { close(ready_fd_); }

void EventQueue::put_progress(ReadingProgress progress) {
  const std::lock_guard lock(mutex_);
  if (events_.progress && events_.progress->memory_changed && !progress.memory_changed) {
    progress.memory_changed = true;
    progress.memory = std::move(events_.progress->memory);
    progress.question = events_.progress->question;
    progress.section = events_.progress->section;
    progress.byte_begin = events_.progress->byte_begin;
    progress.byte_end = events_.progress->byte_end;
  }
  events_.progress = std::move(progress);
  announce();
}

void EventQueue::put_text(std::size_t question, std::string_view so_far) {
  const std::lock_guard lock(mutex_);
  events_.texts[question] = so_far;
  announce();
}

void EventQueue::put_outcome(ReadingOutcome outcome) {
  const std::lock_guard lock(mutex_);
  events_.outcome = std::move(outcome);
  announce();
}

void EventQueue::announce() {
  const std::uint64_t one = 1;
  MEMAGENT_CHECK(write(ready_fd_, &one, sizeof one) == sizeof one, "eventfd: {}",
                 std::strerror(errno));
}

EventQueue::Events EventQueue::take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read_bytes = read(ready_fd_, &count, sizeof count);
  ended_ = ended_ || events_.outcome.has_value();
  return std::exchange(events_, {});
}

bool EventQueue::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace memagent
