// GPT-2's printable alphabet: byte-level vocabularies are written with one character per byte, so
// that every token is readable text (a space is U+0120, a newline U+010A).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace memagent {

// The bytes a token written in the alphabet stands for; nothing if a character is not in it.
std::optional<std::string> from_byte_alphabet(std::string_view token);
std::string to_byte_alphabet(std::string_view bytes);

}  // namespace memagent
