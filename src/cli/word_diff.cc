#include "cli/word_diff.h"

#include <algorithm>
#include <cstdint>

namespace memagent {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && is_space(text[end])) ++end;
    while (end < text.size() && !is_space(text[end])) ++end;
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

void append(std::vector<DiffPart>& parts, DiffKind kind, std::string_view text) {
  if (text.empty()) return;
  if (parts.empty() || parts.back().kind != kind) parts.push_back({kind, {}});
  parts.back().text += text;
}

}  // namespace

std::vector<DiffPart> word_diff(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> old_words = words_of(before);
  const std::vector<std::string_view> new_words = words_of(after);
  std::size_t head = 0;
  while (head < old_words.size() && head < new_words.size() && old_words[head] == new_words[head]) {
    ++head;
  }
  std::size_t tail = 0;
  while (tail < old_words.size() - head && tail < new_words.size() - head &&
         old_words[old_words.size() - 1 - tail] == new_words[new_words.size() - 1 - tail]) {
    ++tail;
  }
  const std::size_t rows = old_words.size() - head - tail;
  const std::size_t columns = new_words.size() - head - tail;

  std::vector<DiffPart> parts;
  for (std::size_t i = 0; i < head; ++i) append(parts, DiffKind::kSame, old_words[i]);
  constexpr std::size_t kMostCells = 4'000'000;
  if (rows * columns > kMostCells) {
    for (std::size_t i = 0; i < rows; ++i) append(parts, DiffKind::kRemoved, old_words[head + i]);
    for (std::size_t i = 0; i < columns; ++i) append(parts, DiffKind::kAdded, new_words[head + i]);
  } else {
    // longest[i][j]: of the old words from i and the new words from j.
    std::vector<std::uint32_t> longest((rows + 1) * (columns + 1), 0);
    const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
      return longest[i * (columns + 1) + j];
    };
    for (std::size_t i = rows; i-- > 0;) {
      for (std::size_t j = columns; j-- > 0;) {
        at(i, j) = old_words[head + i] == new_words[head + j]
                       ? at(i + 1, j + 1) + 1
                       : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < rows || j < columns) {
      if (i < rows && j < columns && old_words[head + i] == new_words[head + j]) {
        append(parts, DiffKind::kSame, old_words[head + i]);
        ++i;
        ++j;
      } else if (i < rows && (j == columns || at(i + 1, j) >= at(i, j + 1))) {
        append(parts, DiffKind::kRemoved, old_words[head + i++]);
      } else {
        append(parts, DiffKind::kAdded, new_words[head + j++]);
      }
    }
  }
  for (std::size_t i = 0; i < tail; ++i) {
    append(parts, DiffKind::kSame, old_words[old_words.size() - tail + i]);
  }
  return parts;
}

}  // namespace memagent
