// What the server counts, as Prometheus text.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "server/http_connection.h"
#include "server/key_limits.h"
#include "server/reading_service.h"

namespace memagent {

class Metrics {
 public:
  // Any thread.
  void count(const RequestRecord& record, double seconds);
  // `keys`: those whose use whoever asks may see.
  std::string text(const ReadingTotals& totals, std::size_t connections,
                   std::span<const KeyTotals> keys = {}) const;

 private:
  // Upper bounds in seconds: answers in milliseconds, and readings that take hours.
  static constexpr std::array<double, 12> kBounds = {0.005, 0.02, 0.1, 0.5,  1,    5,
                                                     20,    60,   300, 1200, 3600, 14400};
  struct Durations {
    std::array<std::int64_t, kBounds.size() + 1> counts{};  // the last: longer than all bounds
    double sum = 0;
    std::int64_t count = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::int64_t> requests_;  // by route and status
  std::map<std::string, Durations> durations_;                    // by route
};

}  // namespace memagent
