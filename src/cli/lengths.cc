#include "cli/lengths.h"

#include <charconv>
#include <cmath>
#include <string>

#include "base/fail.h"

namespace memagent {

std::int64_t parse_length(const std::string& flag, std::string_view text) {
  const auto bad = [&]() {
    fail(ErrorKind::kUsage, "{}: '{}' is not a number: write one such as 5000, 8K or 1.5M", flag,
         text.substr(0, 40));
  };
  std::int64_t unit = 1;
  std::string_view digits = text;
  if (!digits.empty()) {
    const char last = digits.back();
    if (last == 'K' || last == 'k') unit = std::int64_t{1} << 10;
    if (last == 'M' || last == 'm') unit = std::int64_t{1} << 20;
    if (last == 'G' || last == 'g') unit = std::int64_t{1} << 30;
    if (unit != 1) digits.remove_suffix(1);
  }
  // Exact decimal arithmetic: whole * unit + fraction * unit / 10^places.
  std::int64_t mantissa = 0;
  std::int64_t scale = 1;
  bool point = false;
  std::size_t places = 0;
  for (const char c : digits) {
    if (c == '.' && !point && unit != 1) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9' || mantissa > (std::int64_t{1} << 32) || places >= 9) bad();
    mantissa = mantissa * 10 + (c - '0');
    if (point) {
      scale *= 10;
      ++places;
    }
  }
  if (digits.empty() || digits == "." || digits.back() == '.') bad();
  if (mantissa > (std::int64_t{1} << 62) / unit) bad();
  return mantissa * unit / scale;
}

std::uint64_t parse_seed(const std::string& flag, std::string_view text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seed);
  if (error != std::errc() || stop != end) {
    fail(ErrorKind::kUsage, "{}: '{}' is not a whole number: write one from 0 to 2^64-1", flag,
         text.substr(0, 40));
  }
  return seed;
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string duration_text(double seconds) {
  if (!(seconds < 1e9)) return "very long";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace memagent
