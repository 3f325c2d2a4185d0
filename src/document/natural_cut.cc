#include "document/natural_cut.h"

#include <algorithm>

namespace memagent {
namespace {

// How good a place is for a cut, worst first.
enum class Place { kInside, kCharacter, kWord, kSentence, kLine, kParagraph };

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

Place place_at(std::string_view text, std::size_t at) {
  const bool at_end = at == text.size();
  if (!at_end && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) return Place::kInside;
  const std::string_view before = text.substr(0, at);
  // Inside a run of empty lines the cut goes after the run, so that no section begins with it.
  const bool newline_follows = !at_end && text[at] == '\n';
  const std::string_view line = without_blanks(before);
  if (line.ends_with('\n') && !newline_follows) {
    const std::string_view above = without_blanks(line.substr(0, line.size() - 1));
    return above.ends_with('\n') ? Place::kParagraph : Place::kLine;
  }
  const bool space_follows = at_end || is_space(text[at]);
  if (ends_sentence(before, space_follows)) return Place::kSentence;
  if (space_follows || (!before.empty() && is_space(before.back()))) return Place::kWord;
  return Place::kCharacter;
}

}  // namespace

std::size_t natural_cut(std::string_view text, std::span<const std::size_t> ends,
                        std::size_t tokens) {
  Place best = Place::kInside;
  std::size_t best_tokens = tokens;
  const std::size_t fewest = std::max<std::size_t>(1, tokens - tokens / 8);
  for (std::size_t kept = tokens; kept >= fewest; --kept) {
    const Place place = place_at(text, ends[kept - 1]);
    if (place <= best) continue;
    best = place;
    best_tokens = kept;
    if (best == Place::kParagraph) break;
  }
  if (best >= Place::kSentence) return best_tokens;
  const std::size_t farthest = tokens - std::min(tokens / 2, kSentenceTokens);
  for (std::size_t kept = fewest - 1; kept > 0 && kept >= farthest; --kept) {
    if (place_at(text, ends[kept - 1]) >= Place::kSentence) return kept;
  }
  return best_tokens;
}

}  // namespace memagent
