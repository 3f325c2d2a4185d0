// Texts for the tokenizer tests: made here, mixed on purpose, and real ones where they are at hand.
#pragma once

#include <cstdint>
#include <string>

namespace memagent {

// About `bytes` bytes of words, code, digits, Cyrillic, Chinese, emoji, white space and what
// pre-tokenizer patterns treat specially, in no language. Valid UTF-8.
std::string mixed_sample(std::uint64_t seed, std::size_t bytes);
// About `bytes` bytes of lines in English words of natural frequencies.
std::string english_sample(std::uint64_t seed, std::size_t bytes);
// Up to `bytes` bytes of the paragraphs in ../shared/data, if they are there; else empty.
std::string real_sample(std::size_t bytes);

}  // namespace memagent
