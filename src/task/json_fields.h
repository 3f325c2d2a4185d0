// The fields of one JSON object, with messages that say which file, row and field is wrong and what
// was expected. Knows no format. Included by .cc files of this folder and by data/ only (nlohmann's
// header is slow to compile).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "task/row.h"

namespace memagent {

class JsonFields {
 public:
  // Borrows `object`. `where` begins every message: "train.json: row 7".
  JsonFields(const nlohmann::json& object, std::string where)
      : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) fail(ErrorKind::kBadInput, "{}: must be a JSON object", where_);
  }

  const nlohmann::json& object() const { return object_; }
  const std::string& where() const { return where_; }
  // Null where the field is missing or null.
  const nlohmann::json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const nlohmann::json& need(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr) fail(ErrorKind::kBadInput, "{}: field {} is missing", where_, key);
    return *value;
  }
  [[noreturn]] void wrong(const char* key, const char* expected) const {
    fail(ErrorKind::kBadInput, "{}: field {} must be {}", where_, key, expected);
  }
  const nlohmann::json& array(const char* key, const char* expected = "an array") const {
    const nlohmann::json& value = need(key);
    if (!value.is_array()) wrong(key, expected);
    return value;
  }
  const std::string& text(const char* key) const {
    const nlohmann::json& value = need(key);
    if (!value.is_string()) wrong(key, "a string");
    return value.get_ref<const std::string&>();
  }
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> result;
    for (const nlohmann::json& item : array(key, "an array of strings")) {
      if (!item.is_string()) wrong(key, "an array of strings");
      result.push_back(item.get<std::string>());
    }
    return result;
  }
  std::int64_t count(const char* key) const {
    const nlohmann::json& value = need(key);
    if (!value.is_number_integer() || value < 0 || value > (std::int64_t{1} << 53)) {
      wrong(key, "a whole number, 0 or more");
    }
    return value.get<std::int64_t>();
  }
  // The same, `without` where the field is missing.
  std::string text(const char* key, std::string without) const {
    if (find(key) != nullptr) return text(key);
    return without;
  }
  std::int64_t count(const char* key, std::int64_t without) const {
    return find(key) == nullptr ? without : count(key);
  }
  Match match(const char* key, Match without) const {
    if (find(key) == nullptr) return without;
    const std::optional<Match> match = match_named(text(key));
    if (!match) wrong(key, "any or all");
    return *match;
  }
  // False where the field is missing.
  bool flag(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value != nullptr && !value->is_boolean()) wrong(key, "true or false");
    return value != nullptr && value->get<bool>();
  }

 private:
  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace memagent
