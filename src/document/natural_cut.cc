#include "document/natural_cut.h"

#include <algorithm>

namespace memagent {
namespace {

// How good a place is for a cut, worst first.
enum class Place { kInside, kCharacter, kWord, kSentence, kLine, kParagraph, kHeading };

bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\r'; }
bool is_space(char byte) { return is_blank(byte) || byte == '\n'; }

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool remove_one_of(std::string_view& text, std::span<const std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (text.ends_with(ending)) {
      text.remove_suffix(ending.size());
      return true;
    }
  }
  return false;
}

// Closing quotes and brackets: " ' ) ] and their typographic and full-width kin.
constexpr std::string_view kClosers[] = {"\"",
                                         "'",
                                         ")",
                                         "]",
                                         "\xE2\x80\x9D",
                                         "\xE2\x80\x99",
                                         "\xC2\xBB",
                                         "\xE3\x80\x8D",
                                         "\xE3\x80\x8F",
                                         "\xEF\xBC\x89",
                                         "\xE3\x80\x91",
                                         "\xE3\x80\x8B"};
// Most sentences are shorter.
constexpr std::size_t kSentenceTokens = 96;
// Most of what stands under one heading of an encyclopedia is shorter.
constexpr std::size_t kHeadedTokens = 256;
// Sentence ends that need white space after them: . ! ? and the ellipsis.
constexpr std::string_view kSpacedEnds[] = {".", "!", "?", "\xE2\x80\xA6"};
// Sentence ends that do not: ideographic and full-width stops, the danda.
constexpr std::string_view kOwnEnds[] = {"\xE3\x80\x82", "\xEF\xBC\x81", "\xEF\xBC\x9F",
                                         "\xEF\xBD\xA1", "\xE0\xA5\xA4", "\xD8\x9F",
                                         "\xDB\x94"};

bool ends_sentence(std::string_view before, bool space_follows) {
  const std::string_view trimmed = without_blanks(before);
  const bool space = space_follows || trimmed.size() < before.size();
  std::string_view core = trimmed;
  for (int i = 0; i < 4 && remove_one_of(core, kClosers); ++i) {
  }
  return remove_one_of(core, kOwnEnds) || (space && remove_one_of(core, kSpacedEnds));
}

// Markdown: one to six number signs and a space, or nothing more: where the text ends behind them,
// what follows is not known yet.
bool begins_heading(std::string_view line) {
  const std::size_t signs = std::min(line.find_first_not_of('#'), line.size());
  return signs >= 1 && signs <= 6 && (signs == line.size() || line[signs] == ' ');
}

// The last line with something in it is a heading: what follows belongs to it.
bool ends_heading(std::string_view before) {
  const std::size_t last = before.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return false;
  const std::size_t end_of_above = before.rfind('\n', last);
  const std::size_t begin = end_of_above == std::string_view::npos ? 0 : end_of_above + 1;
  return begins_heading(before.substr(begin, last + 1 - begin));
}

Place place_at(std::string_view text, std::size_t at) {
  const bool at_end = at == text.size();
  if (!at_end && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) return Place::kInside;
  const std::string_view before = text.substr(0, at);
  // Inside a run of empty lines the cut goes after the run, so that no section begins with it.
  const bool newline_follows = !at_end && text[at] == '\n';
  const std::string_view line = without_blanks(before);
  if (line.ends_with('\n') && !newline_follows) {
    if (ends_heading(before)) return Place::kWord;
    if (begins_heading(text.substr(at))) return Place::kHeading;
    const std::string_view above = without_blanks(line.substr(0, line.size() - 1));
    return above.ends_with('\n') ? Place::kParagraph : Place::kLine;
  }
  const bool space_follows = at_end || is_space(text[at]);
  if (ends_sentence(before, space_follows)) {
    return ends_heading(before) ? Place::kWord : Place::kSentence;
  }
  if (space_follows || (!before.empty() && is_space(before.back()))) return Place::kWord;
  return Place::kCharacter;
}

}  // namespace

std::size_t natural_cut(std::string_view text, std::span<const std::size_t> ends,
                        std::size_t tokens) {
  const std::size_t half = tokens / 2;
  const std::size_t eighth = tokens / 8;
  const std::size_t for_heading = std::max(eighth, std::min(half, kHeadedTokens));
  const std::size_t for_sentence = std::max(eighth, std::min(half, kSentenceTokens));
  Place best = Place::kInside;
  std::size_t best_tokens = tokens;
  for (std::size_t kept = tokens; kept > 0 && tokens - kept <= for_heading; --kept) {
    const std::size_t back = tokens - kept;
    const Place place = place_at(text, ends[kept - 1]);
    // Farther back than an eighth the nearest is taken, of whatever kind.
    const bool near = back <= eighth || (place >= Place::kSentence && back <= for_sentence &&
                                         best < Place::kSentence);
    if (place <= best || !(near || place == Place::kHeading)) continue;
    best = place;
    best_tokens = kept;
    if (best == Place::kHeading) break;
  }
  return best_tokens;
}

}  // namespace memagent
