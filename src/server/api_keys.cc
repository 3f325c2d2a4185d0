#include "server/api_keys.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>

#include "base/fail.h"
#include "base/input_file.h"
#include "base/sha256.h"

namespace memagent {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The next run of characters that are not blank; empty at the end of the line.
std::string_view next_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
  const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

constexpr std::string_view kOperator = "operator";

// Sets the limit that a word such as in_flight=4 says; false if it is none.
bool read_limit(std::string_view word, KeyLimit& limit) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view digits = word.substr(equals + 1);
  for (const KeyLimitField& field : kKeyLimitFields) {
    if (word.substr(0, equals) != field.name) continue;
    std::int64_t& value = limit.*field.member;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
    return error == std::errc() && end == digits.end() && value > 0;
  }
  return false;
}

// Names stand in logs and metrics.
bool is_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
}

}  // namespace

ApiKeys ApiKeys::read(const std::string& path) {
  return parse(read_whole(path, "--api-key-file: "), path);
}

ApiKeys ApiKeys::parse(std::string_view text, const std::string& name) {
  ApiKeys keys;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    Key key;
    key.name = next_word(line);
    if (key.name.empty() || key.name.starts_with('#')) continue;
    const std::string_view hex = next_word(line);
    bool good = hex.size() == 2 * key.hash.size() && is_name(key.name);
    for (std::size_t i = 0; good && i < key.hash.size(); ++i) {
      const int high = hex_digit(hex[2 * i]);
      const int low = hex_digit(hex[2 * i + 1]);
      good = high >= 0 && low >= 0;
      key.hash[i] = static_cast<unsigned char>(high * 16 + low);
    }
    if (!good) {
      fail(ErrorKind::kBadInput,
           "--api-key-file: {}:{}: must be a name of printable ASCII and the SHA-256 of its key as "
           "64 hex digits: printf %s \"$KEY\" | sha256sum",
           name, number);
    }
    KeyLimit limit;
    while (true) {
      const std::string_view word = next_word(line);
      if (word.empty()) break;
      if (word == kOperator) {
        keys.operators_.insert(key.name);
      } else if (!read_limit(word, limit)) {
        fail(ErrorKind::kBadInput,
             "--api-key-file: {}:{}: after the hash may stand operator, in_flight=N, "
             "requests_per_minute=N, requests_per_day=N, tokens_per_minute=N and tokens_per_day=N",
             name, number);
      }
    }
    const auto [first, is_first] = keys.limits_.emplace(key.name, limit);
    if (!is_first && first->second != limit) {
      fail(ErrorKind::kBadInput,
           "--api-key-file: {}:{}: '{}' has other limits on another line: keys of one name share "
           "them, write the same on both",
           name, number, key.name);
    }
    keys.keys_.push_back(std::move(key));
  }
  if (keys.keys_.empty()) {
    fail(ErrorKind::kBadInput, "--api-key-file: {}: has no key: write a name and a hash on a line",
         name);
  }
  return keys;
}

std::optional<std::string> ApiKeys::check(std::string_view authorization) const {
  if (!required()) return "";
  constexpr std::string_view kScheme = "Bearer ";
  const bool has_scheme = authorization.starts_with(kScheme);
  if (has_scheme) authorization.remove_prefix(kScheme.size());
  Sha256 sha;
  sha.update(authorization);
  const Hash hash = sha.value();
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (CRYPTO_memcmp(key.hash.data(), hash.data(), hash.size()) == 0) found = &key;
  }
  if (found == nullptr || !has_scheme) return std::nullopt;
  return found->name;
}

}  // namespace memagent
