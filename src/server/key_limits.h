// What the holder of a key may ask of the model: how many requests under way at once, and how many
// requests and tokens in any minute or day that ends now. Also counts what each key has used, for
// metrics.
//
// Knows the names of keys alone, not the keys. Counts live in the process: they begin at nothing
// when it does. Any thread may call.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

// 0: no limit.
struct KeyLimit {
  std::int64_t in_flight = 0;
  std::int64_t requests_per_minute = 0;
  std::int64_t requests_per_day = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t tokens_per_day = 0;

  bool operator==(const KeyLimit&) const = default;
};

// The limits by the names they have in key files, errors and metrics.
struct KeyLimitField {
  std::string_view name;
  std::int64_t KeyLimit::*member;
};
inline constexpr std::array<KeyLimitField, 5> kKeyLimitFields = {{
    {"in_flight", &KeyLimit::in_flight},
    {"requests_per_minute", &KeyLimit::requests_per_minute},
    {"requests_per_day", &KeyLimit::requests_per_day},
    {"tokens_per_minute", &KeyLimit::tokens_per_minute},
    {"tokens_per_day", &KeyLimit::tokens_per_day},
}};

// How much there was in any stretch of `length` that ends now. Counts in slots of a sixtieth of it
// and forgets a slot as a whole, once all of it is older than that: never early, late by one slot
// at most.
class SlidingSum {
 public:
  explicit SlidingSum(std::chrono::milliseconds length) : slot_(length / kSlots) {}

  void add(std::chrono::milliseconds now, std::int64_t amount);
  std::int64_t sum(std::chrono::milliseconds now);
  // How long until the sum is below `limit`, if nothing is added; 0 if it is.
  std::chrono::milliseconds until_below(std::int64_t limit, std::chrono::milliseconds now);

 private:
  static constexpr std::int64_t kSlots = 60;
  void forget_until(std::int64_t slot);

  std::chrono::milliseconds slot_;
  std::array<std::int64_t, kSlots + 1> amounts_{};
  std::int64_t newest_ = 0;  // the number of the slot under way, from the clock's beginning
  std::int64_t sum_ = 0;
};

// What one key has used since the start.
struct KeyTotals {
  std::string name;
  std::int64_t in_flight = 0;  // now
  std::int64_t requests = 0;   // let in
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  // Refused, by the limit they met.
  std::array<std::int64_t, kKeyLimitFields.size()> refused{};
};

class KeyLimits;

// One request of a key, from when it is let in until this is destroyed.
class KeyUse {
 public:
  ~KeyUse();
  KeyUse(const KeyUse&) = delete;
  KeyUse& operator=(const KeyUse&) = delete;
  // As they are used. The request goes on when they are more than the key has left; it is the next
  // one that is refused.
  void add_tokens(std::int64_t prompt, std::int64_t generated) const;

 private:
  friend class KeyLimits;
  KeyUse(KeyLimits& limits, std::string key) : limits_(limits), key_(std::move(key)) {}
  KeyLimits& limits_;
  std::string key_;
};

class KeyLimits {
 public:
  // Time since some beginning; not of the day, which may jump.
  using Clock = std::function<std::chrono::milliseconds()>;
  explicit KeyLimits(const std::map<std::string, KeyLimit>& keys, Clock clock = steady_clock());
  static Clock steady_clock();

  // Throws ApiError (429) if the key may not make a request now, and counts one that may be made.
  // Unknown keys may always, and it is null for them: they are what everybody is called where none
  // is asked for. Must not outlive this.
  std::shared_ptr<KeyUse> admit(const std::string& key);

  // Of all keys, by name.
  std::vector<KeyTotals> totals() const;

 private:
  friend class KeyUse;
  struct Account {
    KeyLimit limit;
    SlidingSum minute_requests{std::chrono::minutes(1)};
    SlidingSum day_requests{std::chrono::hours(24)};
    SlidingSum minute_tokens{std::chrono::minutes(1)};
    SlidingSum day_tokens{std::chrono::hours(24)};
    KeyTotals totals;
  };
  void check(Account& account);
  void end(const std::string& key);
  void add_tokens(const std::string& key, std::int64_t prompt, std::int64_t generated);

  Clock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Account> accounts_;
};

}  // namespace memagent
