#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace memagent {
namespace {

// Printable Latin-1 stands for itself; the other 68 bytes take U+0100 and up, in order.
constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<std::uint16_t, 256> points{};
  std::array<std::int16_t, 0x144> bytes{};  // by code point; -1: not in the alphabet

  constexpr Alphabet() {
    bytes.fill(-1);
    std::uint16_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const std::uint16_t point =
          stands_for_itself(byte) ? static_cast<std::uint16_t>(byte) : next++;
      points[static_cast<std::size_t>(byte)] = point;
      bytes[point] = static_cast<std::int16_t>(byte);
    }
  }
};

constexpr Alphabet kAlphabet;

}  // namespace

std::optional<std::string> from_byte_alphabet(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  while (!token.empty()) {
    const Utf8Char next = decode_utf8(token);
    if (!next.valid || next.point >= kAlphabet.bytes.size()) return std::nullopt;
    const std::int16_t byte = kAlphabet.bytes[next.point];
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
    token.remove_prefix(next.bytes);
  }
  return out;
}

std::string to_byte_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(kAlphabet.points[static_cast<std::uint8_t>(byte)], out);
  return out;
}

}  // namespace memagent
