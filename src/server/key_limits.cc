#include "server/key_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/api_error.h"

namespace memagent {

void SlidingSum::forget_until(std::int64_t slot) {
  const auto size = static_cast<std::int64_t>(amounts_.size());
  if (slot - newest_ >= size) {
    amounts_.fill(0);
    sum_ = 0;
    newest_ = slot;
  }
  while (newest_ < slot) {
    std::int64_t& oldest = amounts_[static_cast<std::size_t>(++newest_ % size)];
    sum_ -= oldest;
    oldest = 0;
  }
}

void SlidingSum::add(std::chrono::milliseconds now, std::int64_t amount) {
  forget_until(now / slot_);
  amounts_[static_cast<std::size_t>(newest_) % amounts_.size()] += amount;
  sum_ += amount;
}

std::int64_t SlidingSum::sum(std::chrono::milliseconds now) {
  forget_until(now / slot_);
  return sum_;
}

std::chrono::milliseconds SlidingSum::until_below(std::int64_t limit,
                                                  std::chrono::milliseconds now) {
  std::int64_t left = sum(now);
  const auto size = static_cast<std::int64_t>(amounts_.size());
  std::int64_t slot = newest_ - size;  // was forgotten last
  while (left >= limit && slot < newest_) {
    ++slot;
    left -= amounts_[static_cast<std::size_t>((slot + size) % size)];
  }
  if (slot == newest_ - size) return std::chrono::milliseconds(0);
  return slot_ * (slot + size) - now;
}

KeyUse::~KeyUse() { limits_.end(key_); }

void KeyUse::add_tokens(std::int64_t prompt, std::int64_t generated) const {
  limits_.add_tokens(key_, prompt, generated);
}

KeyLimits::KeyLimits(const std::map<std::string, KeyLimit>& keys, Clock clock)
    : clock_(std::move(clock)) {
  for (const auto& [name, limit] : keys) {
    Account& account = accounts_[name];
    account.limit = limit;
    account.totals.name = name;
  }
}

KeyLimits::Clock KeyLimits::steady_clock() {
  return [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
  };
}

void KeyLimits::check(Account& account) {
  const auto refuse = [&](std::size_t field, const std::string& what,
                          std::chrono::milliseconds wait) {
    ++account.totals.refused[field];
    const auto seconds =
        std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(wait));
    throw ApiError(429,
                   fmt::format("{}: this key may {}: try again in {} s",
                               kKeyLimitFields[field].name, what, seconds.count()),
                   "", "rate_limit_exceeded", seconds);
  };
  const KeyLimit& limit = account.limit;
  if (limit.in_flight > 0 && account.totals.in_flight >= limit.in_flight) {
    refuse(0, fmt::format("have {} requests under way", limit.in_flight), std::chrono::seconds(1));
  }
  const std::chrono::milliseconds now = clock_();
  const auto check_sum = [&](std::size_t field, SlidingSum& sum, const char* what) {
    const std::int64_t most = limit.*kKeyLimitFields[field].member;
    if (most == 0) return;
    const std::chrono::milliseconds wait = sum.until_below(most, now);
    if (wait.count() > 0) refuse(field, fmt::format(fmt::runtime(what), most), wait);
  };
  check_sum(1, account.minute_requests, "make {} requests in a minute");
  check_sum(2, account.day_requests, "make {} requests in a day");
  check_sum(3, account.minute_tokens, "use {} tokens in a minute");
  check_sum(4, account.day_tokens, "use {} tokens in a day");
}

std::shared_ptr<KeyUse> KeyLimits::admit(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(key);
  if (found == accounts_.end()) return nullptr;
  Account& account = found->second;
  check(account);
  std::shared_ptr<KeyUse> use(new KeyUse(*this, key));
  const std::chrono::milliseconds now = clock_();
  account.minute_requests.add(now, 1);
  account.day_requests.add(now, 1);
  ++account.totals.requests;
  ++account.totals.in_flight;
  return use;
}

void KeyLimits::end(const std::string& key) {
  const std::lock_guard lock(mutex_);
  --accounts_.at(key).totals.in_flight;
}

void KeyLimits::add_tokens(const std::string& key, std::int64_t prompt, std::int64_t generated) {
  const std::lock_guard lock(mutex_);
  Account& account = accounts_.at(key);
  const std::chrono::milliseconds now = clock_();
  account.minute_tokens.add(now, prompt + generated);
  account.day_tokens.add(now, prompt + generated);
  account.totals.prompt_tokens += prompt;
  account.totals.generated_tokens += generated;
}

std::vector<KeyTotals> KeyLimits::totals() const {
  const std::lock_guard lock(mutex_);
  std::vector<KeyTotals> totals;
  totals.reserve(accounts_.size());
  for (const auto& [name, account] : accounts_) totals.push_back(account.totals);
  return totals;
}

}  // namespace memagent
