// Untrusted JSON: parsing with bounded depth, and reading fields that may be missing or of a wrong
// type. Included by .cc files only (nlohmann's header is slow to compile).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace memagent {

using Json = nlohmann::json;

// nullopt if `text` is not JSON, is not UTF-8, nests deeper than 64, or has more than `most_values`
// values: each takes some 50 bytes, however few of the text it is.
std::optional<Json> parse_json(std::string_view text,
                               std::size_t most_values = std::numeric_limits<std::size_t>::max());
// The member `key` of an object; null where there is none or `value` is no object.
const Json& member(const Json& value, const char* key);
// The first element of an array; null where there is none.
const Json& first(const Json& value);
// An integer in [0, 2^53], or `otherwise`.
std::int64_t count_or(const Json& value, std::int64_t otherwise);
std::string string_or(const Json& value, std::string otherwise);

}  // namespace memagent
