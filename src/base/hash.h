// A streaming 64-bit FNV-1a hash: tells whether two texts differ, byte order as given. Not for
// adversaries.
#pragma once

#include <cstdint>
#include <string_view>

namespace memagent {

class Hash64 {
 public:
  void update(std::string_view bytes) {
    for (const char byte : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001B3ULL;
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace memagent
