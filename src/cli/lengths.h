// Lengths as people write them: 5000, 8K, 1M, 3.5M. K is 1,024, M is 1,024 K, as context windows
// are counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace memagent {

// Throws Error(kUsage) naming `flag` unless `text` is a whole number of tokens, 0 or more.
std::int64_t parse_length(const std::string& flag, std::string_view text);
// Throws Error(kUsage) naming `flag` unless `text` is a whole number below 2^64.
std::uint64_t parse_seed(const std::string& flag, std::string_view text);
// With thousands separators: 1,048,576.
std::string grouped(std::int64_t number);
// 59 s, 4:07, 2:03:59.
std::string duration_text(double seconds);

}  // namespace memagent
