#include "task/answer_text.h"

#include <utf8proc.h>

#include <cstdlib>
#include <vector>

#include "text/utf8.h"

namespace memagent {
namespace {

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

// ASCII punctuation as Python's string.punctuation has it, Unicode's categories P*, and what that
// ASCII set has in other scripts and typography: signs of currencies and of arithmetic.
bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
           (c >= 0x7B && c <= 0x7E);
  }
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
         category == UTF8PROC_CATEGORY_SC || category == UTF8PROC_CATEGORY_SM;
}

bool is_space(char32_t c) {
  if (c <= 0x20) return true;
  if (c < 0x80) return c == 0x7F;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_CC;
}

// Compatibility-composed and case-folded code points, invisible characters left out.
std::u32string folded(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  bool plain = true;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      points += byte >= 'A' && byte <= 'Z' ? static_cast<char32_t>(byte + 32) : byte;
      ++i;
      continue;
    }
    plain = false;
    const Utf8Char next = decode_utf8(text.substr(i));
    points += static_cast<char32_t>(next.point);
    i += next.bytes;
  }
  if (plain) return points;
  std::string repaired;
  for (const char32_t point : points) append_utf8(point, repaired);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(repaired.data()),
      static_cast<utf8proc_ssize_t>(repaired.size()), &mapped,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                     UTF8PROC_CASEFOLD | UTF8PROC_IGNORE));
  if (size < 0) return points;  // out of memory is all that is left to go wrong
  const std::string_view bytes(reinterpret_cast<const char*>(mapped),
                               static_cast<std::size_t>(size));
  points.clear();
  for (std::size_t i = 0; i < bytes.size();) {
    const Utf8Char next = decode_utf8(bytes.substr(i));
    points += static_cast<char32_t>(next.point);
    i += next.bytes;
  }
  std::free(mapped);  // NOLINT: utf8proc allocates with malloc
  return points;
}

// "1,234": three digits and no more behind it, one to three before it.
bool is_thousands_separator(const std::u32string& text, std::size_t at) {
  if (text[at] != U',' || at == 0 || !is_digit(text[at - 1])) return false;
  std::size_t behind = 0;
  while (at + 1 + behind < text.size() && behind < 4 && is_digit(text[at + 1 + behind])) ++behind;
  std::size_t before = 0;
  while (before < 4 && at > before && is_digit(text[at - 1 - before])) ++before;
  return behind == 3 && before <= 3;
}

bool is_between_digits(const std::u32string& text, std::size_t at) {
  return at > 0 && at + 1 < text.size() && is_digit(text[at - 1]) && is_digit(text[at + 1]);
}

bool is_decimal_point(const std::u32string& text, std::size_t at) {
  return text[at] == U'.' && is_between_digits(text, at);
}

std::vector<std::string> words_of(const std::u32string& text, Punctuation punctuation) {
  std::vector<std::string> words(1);
  const auto end_word = [&] {
    if (!words.back().empty()) words.emplace_back();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool space = is_space(c);
    if (!space && (!is_punctuation(c) || is_decimal_point(text, i))) {
      append_utf8(c, words.back());
    } else if (space ||
               (!is_thousands_separator(text, i) &&
                (punctuation == Punctuation::kSpaces
                     ? c != U'\'' && c != 0x2019
                     : punctuation != Punctuation::kDeleted && is_between_digits(text, i)))) {
      end_word();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool is_article(const std::string& word) { return word == "a" || word == "an" || word == "the"; }

std::string joined(const std::vector<std::string>& words, bool with_articles) {
  std::string text;
  for (const std::string& word : words) {
    if (!with_articles && is_article(word)) continue;
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

}  // namespace

std::string normalised_words(std::string_view text, Punctuation punctuation) {
  const std::vector<std::string> words = words_of(folded(text), punctuation);
  std::string normalised = joined(words, false);
  return normalised.empty() ? joined(words, true) : normalised;
}

}  // namespace memagent
