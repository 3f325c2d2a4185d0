#include "model/remote/retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

namespace memagent {

bool is_retryable_status(long status) {
  return status == 408 || status == 409 || status == 429 || (status >= 500 && status <= 599);
}

Clock::duration BackOff::after(std::int32_t failures, double draw) const {
  const int doublings = std::clamp(failures - 1, 0, 40);
  double wait = static_cast<double>(first.count());
  for (int i = 0; i < doublings; ++i) wait *= 2;
  wait = std::min(wait, static_cast<double>(most.count()));
  wait *= 0.5 + 0.5 * draw;
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::milli>(wait));
}

std::optional<std::chrono::seconds> parse_retry_after(const std::string& header,
                                                      std::int64_t now_unix) {
  if (header.empty()) return std::nullopt;
  constexpr std::int64_t kMost = 365LL * 24 * 3600;
  std::int64_t seconds = 0;
  const char* end = header.data() + header.size();
  const auto [stopped, problem] = std::from_chars(header.data(), end, seconds);
  if (problem == std::errc::result_out_of_range) return std::chrono::seconds(kMost);
  // Some servers send fractions; they are rounded up.
  if (problem == std::errc() && seconds >= 0 && (stopped == end || *stopped == '.')) {
    return std::chrono::seconds(std::min(kMost, stopped == end ? seconds : seconds + 1));
  }
  const std::int64_t date = curl_getdate(header.c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::chrono::seconds(std::clamp<std::int64_t>(date - now_unix, 0, kMost));
}

}  // namespace memagent
