#include "model/remote/sse.h"

namespace memagent {

bool SseParser::feed(std::string_view bytes,
                     const std::function<bool(std::string_view data)>& on_event) {
  while (!bytes.empty() && !ended_) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes[0] == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + data_.size() + piece.size() > max_event_bytes_) {
      too_large_ = ended_ = true;
      break;
    }
    line_ += piece;
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!take_line(on_event)) ended_ = true;
    line_.clear();
  }
  return !ended_;
}

bool SseParser::take_line(const std::function<bool(std::string_view data)>& on_event) {
  std::string_view line = line_;
  if (first_line_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  first_line_ = false;
  if (line.empty()) {
    if (!has_data_) return true;
    has_data_ = false;
    const std::string data = std::move(data_);
    data_.clear();
    return on_event(data);
  }
  const std::size_t colon = line.find(':');
  if (line.substr(0, colon) != "data") return true;
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
  return true;
}

}  // namespace memagent
