// Which code points are letters, numbers and white space: all that pre-tokenizer patterns ask.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace memagent {

// Bits; a code point has at most one of the first three. Everything else is 0.
enum CharClass : std::uint8_t {
  kOther = 0,
  kLetter = 1,    // \p{L}
  kNumber = 2,    // \p{N}
  kSpace = 4,     // \s
  kNewline = 8,   // \r or \n, together with kSpace
  kNonAscii = 16  // in ascii_classes() only: the byte begins or continues a longer character
};

// By byte: the class of an ASCII character, or kNonAscii.
const std::array<std::uint8_t, 256>& ascii_classes();
// By code point, up to the last that is not kOther.
const std::vector<std::uint8_t>& unicode_classes();

}  // namespace memagent
