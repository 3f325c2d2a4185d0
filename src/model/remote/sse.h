// Server-sent events (WHATWG HTML, section 9.2) taken from bytes that arrive in any pieces.
//
// Knows nothing about what the events mean. Departs from the standard in three ways: ids and retry
// times are ignored, an event without data is not reported, and the size of an event is bounded.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace memagent {

class SseParser {
 public:
  explicit SseParser(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  // Calls `on_event(data)` for every event that is now complete, in order, until it returns false.
  // Returns false once on_event did or an event is over the size limit; the rest is then dropped.
  bool feed(std::string_view bytes, const std::function<bool(std::string_view data)>& on_event);
  bool too_large() const { return too_large_; }

 private:
  bool take_line(const std::function<bool(std::string_view data)>& on_event);

  std::size_t max_event_bytes_;
  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool first_line_ = true;
  bool after_cr_ = false;  // the last line ended in CR; an LF right after belongs to it
  bool ended_ = false;
  bool too_large_ = false;
};

}  // namespace memagent
