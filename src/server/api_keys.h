// Who may use the server: a file of keys' names and hashes, so that whoever reads the file cannot
// use it.
//
//   # NAME, SHA-256 of the key in hex (printf %s "$KEY" | sha256sum), what it may
//   alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 in_flight=4
//   prom  60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752 operator
//
// Several keys of one name, for the time in which one replaces the other, share what it may.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/key_limits.h"

namespace memagent {

class ApiKeys {
 public:
  // Without keys everybody is let in, as "".
  ApiKeys() = default;
  // Throws Error(kBadInput) naming file and line.
  static ApiKeys read(const std::string& path);
  static ApiKeys parse(std::string_view text, const std::string& name);

  bool required() const { return !keys_.empty(); }
  // The name of the key in an Authorization header ("Bearer KEY"); nullopt if it is none of ours.
  // Takes the same time whatever is wrong with it.
  std::optional<std::string> check(std::string_view authorization) const;
  // By name; every name is in it.
  const std::map<std::string, KeyLimit>& limits() const { return limits_; }
  // Whether the holder may see what others use.
  bool is_operator(const std::string& name) const { return operators_.contains(name); }

 private:
  using Hash = std::array<unsigned char, 32>;
  struct Key {
    std::string name;
    Hash hash;
  };
  std::vector<Key> keys_;
  std::map<std::string, KeyLimit> limits_;
  std::set<std::string> operators_;
};

}  // namespace memagent
