#include "mcp/line_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace memagent {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

}  // namespace

// Only once all that had come is taken.
bool LineReader::fill() {
  buffer_.resize(kPieceBytes);
  at_ = 0;
  ssize_t count;
  do {
    count = ::read(descriptor_, buffer_.data(), buffer_.size());
  } while (count < 0 && errno == EINTR);
  buffer_.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
  return count > 0;
}

LineReader::Kind LineReader::next(std::string& line) {
  line = {};  // gives back what a long line took
  bool too_long = false;
  bool any = false;
  while (at_ < buffer_.size() || fill()) {
    any = true;
    const std::size_t end = std::min(buffer_.find('\n', at_), buffer_.size());
    too_long = too_long || line.size() + (end - at_) > most_bytes_;
    if (too_long) {
      line = {};
    } else {
      line.append(buffer_, at_, end - at_);
    }
    at_ = end;
    if (at_ == buffer_.size()) continue;
    ++at_;
    return too_long ? Kind::kTooLong : Kind::kLine;
  }
  if (!any) return Kind::kEnd;
  return too_long ? Kind::kTooLong : Kind::kLine;
}

}  // namespace memagent
