// Untrusted JSON: parsing with bounded depth, and reading fields that may be missing or of a wrong
// type. Included by .cc files only (nlohmann's header is slow to compile).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace memagent {

using Json = nlohmann::json;

// nullopt if `text` is not JSON, is not UTF-8, or nests deeper than 64.
std::optional<Json> parse_json(std::string_view text);
// The member `key` of an object; null where there is none or `value` is no object.
const Json& member(const Json& value, const char* key);
// The first element of an array; null where there is none.
const Json& first(const Json& value);
// An integer in [0, 2^53], or `otherwise`.
std::int64_t count_or(const Json& value, std::int64_t otherwise);
std::string string_or(const Json& value, std::string otherwise);

}  // namespace memagent
