#include "format/untrusted_json.h"

namespace memagent {
namespace {

constexpr int kMaxDepth = 64;
const Json kNull;

// What it costs is known from the text, before anything is allocated for it.
bool too_costly(std::string_view text, std::size_t most_values) {
  int depth = 0;
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char byte = text[i];
    if (in_string) {
      if (byte == '\\') {
        ++i;
      } else if (byte == '"') {
        in_string = false;
      }
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      if (++depth > kMaxDepth || ++values > most_values) return true;
    } else if (byte == '}' || byte == ']') {
      --depth;
    } else if (byte == ',') {
      if (++values > most_values) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Json> parse_json(std::string_view text, std::size_t most_values) {
  if (too_costly(text, most_values)) return std::nullopt;
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

const Json& member(const Json& value, const char* key) {
  if (!value.is_object()) return kNull;
  const auto found = value.find(key);
  return found == value.end() ? kNull : *found;
}

const Json& first(const Json& value) {
  return value.is_array() && !value.empty() ? value.front() : kNull;
}

std::int64_t count_or(const Json& value, std::int64_t otherwise) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number <= static_cast<std::uint64_t>(kMost) ? static_cast<std::int64_t>(number)
                                                       : otherwise;
  }
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number >= 0 && number <= static_cast<double>(kMost)) {
      return static_cast<std::int64_t>(number);
    }
  }
  return otherwise;
}

std::string string_or(const Json& value, std::string otherwise) {
  return value.is_string() ? value.get<std::string>() : std::move(otherwise);
}

}  // namespace memagent
