// UTF-8: decoding one character, and repairing a stream.
//
// Invalid bytes are replaced as the Unicode standard recommends ("substitution of maximal
// subparts", chapter 3.9): each longest run of bytes that begins a well-formed character, and each
// other byte, becomes one U+FFFD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace memagent {

struct Utf8Char {
  std::uint32_t point = 0;  // 0xFFFD if invalid
  std::uint8_t bytes = 0;   // taken; of an invalid sequence, those of its maximal subpart
  bool valid = false;
  bool incomplete = false;  // the text ended inside a character that was well-formed so far
};

// Decodes the first character of `text`, which is not empty.
Utf8Char decode_utf8(std::string_view text);
void append_utf8(std::uint32_t point, std::string& out);
// Bytes at the end of `text` (0 to 3) that begin a character and do not finish it.
std::size_t incomplete_tail(std::string_view text);

// Repairs a text that arrives in pieces; the result does not depend on how it is cut.
class Utf8Repair {
 public:
  // Appends the repaired text to `out`, keeping back the start of an unfinished character.
  void feed(std::string_view bytes, std::string& out);
  // Ends the text: an unfinished character is replaced.
  void finish(std::string& out);
  std::int64_t repaired() const { return repaired_; }

 private:
  std::string pending_;  // at most 3 bytes
  std::int64_t repaired_ = 0;
};

}  // namespace memagent
