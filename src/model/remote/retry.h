// When to ask again, as pure functions: which failures are worth it, how long to wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace memagent {

using Clock = std::chrono::steady_clock;

// True for statuses that a later attempt may turn into success: 408, 409, 429 and 5xx.
bool is_retryable_status(long status);

// Exponential back-off with jitter: after failure n (1 is the first) a wait in
// [half, whole] of min(first * 2^(n-1), most), placed by `draw` in [0, 1).
struct BackOff {
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds most{60'000};
  Clock::duration after(std::int32_t failures, double draw) const;
};

// The wait that a Retry-After header asks for: seconds, or an HTTP date compared with `now_unix`
// (seconds since 1970). nullopt if there is none or it cannot be read; a date gone by is zero.
std::optional<std::chrono::seconds> parse_retry_after(const std::string& header,
                                                      std::int64_t now_unix);

}  // namespace memagent
