// Who may use the server: a file of keys' names and hashes, so that whoever reads the file cannot
// use it.
//
//   # NAME SHA-256 of the key, in hex: printf %s "$KEY" | sha256sum
//   alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

 private:
  using Hash = std::array<unsigned char, 32>;
  struct Key {
    std::string name;
    Hash hash;
  };
  std::vector<Key> keys_;
};

}  // namespace memagent
