// SentencePiece BPE (Llama 2): symbols are characters, the pair whose joined text scores highest is
// merged first, and what is not in the vocabulary falls back to byte tokens.
//
// Departures, for the sake of exact decoding: no space is put before the text, text is not
// normalised, and a U+2581 in the text is taken as its bytes, not as a space. Pre-tokens begin at
// each run of spaces, which changes nothing as long as no token has a space after something else;
// where one has, pre-tokens are whole windows.
#include <algorithm>
#include <charconv>

#include "base/fail.h"
#include "text/merging_tokenizer.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr std::size_t kMaxSplitBytes = 512;              // longer tokens are never merged

std::string with_spaces(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    if (token.starts_with(kSpaceMark)) {
      bytes += ' ';
      token.remove_prefix(kSpaceMark.size());
    } else {
      bytes += token.front();
      token.remove_prefix(1);
    }
  }
  return bytes;
}

// "<0x0A>" to 10; -1 for anything else.
int byte_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  int value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  return error == std::errc() && end == token.data() + 5 ? value : -1;
}

// Runs of spaces with what follows up to the next space, or whole windows.
class SpacePreTokenizer final : public PreTokenizer {
 public:
  explicit SpacePreTokenizer(bool at_spaces) : at_spaces_(at_spaces) {}

  void split(std::string_view text, bool last, Scratch*,
             std::vector<std::uint32_t>& ends) const override {
    std::size_t begin = 0;
    for (int count = 0; count < 256 && begin < text.size(); ++count) {
      const PreTokenWindow window = pre_token_window(text.substr(begin), last);
      std::size_t end = window.text.size();
      if (at_spaces_) {
        const std::size_t word = window.text.find_first_not_of(' ');
        end = std::min(end, window.text.find(' ', std::min(word, end)));
      }
      if (end == window.text.size() && !window.last) return;
      begin += end;
      ends.push_back(static_cast<std::uint32_t>(begin));
    }
  }

 private:
  bool at_spaces_;
};

class SentencePieceTokenizer final : public MergingTokenizer {
 public:
  SentencePieceTokenizer(Vocabulary given, const std::string& name);

 private:
  void first_symbols(std::string_view piece, std::vector<TokenId>& symbols) const override;
  void read_tokens(const std::string& name);
  void read_merges();
  // Symbol of a part of a token: a token, or a single character, which then needs a virtual symbol.
  TokenId part_symbol(std::string_view part);

  std::unordered_map<std::string_view, TokenId> by_bytes_;  // normal tokens
  std::unordered_map<std::string, TokenId> virtual_chars_;
};

SentencePieceTokenizer::SentencePieceTokenizer(Vocabulary given, const std::string& name)
    : MergingTokenizer(std::move(given), name) {
  if (vocabulary().scores.empty()) {
    fail(ErrorKind::kBadInput, "{}: a SentencePiece vocabulary without scores", name);
  }
  read_tokens(name);
  read_merges();
  settle_missing_bytes(name);
}

void SentencePieceTokenizer::read_tokens(const std::string& name) {
  TokenId id = 0;
  bool space_inside = false;
  for (const std::string& token : vocabulary().tokens) {
    const int byte = byte_token(token);
    if (type(id) == TokenType::kByte) {
      if (byte < 0) {
        fail(ErrorKind::kBadInput, "{}: token {} is typed as a byte but reads '{}'", name, id,
             token);
      }
      add_token_bytes(std::string(1, static_cast<char>(byte)));
      byte_symbols_[static_cast<std::size_t>(byte)] = id;
    } else if (is_text(id)) {
      const std::string bytes = with_spaces(token);
      add_token_bytes(bytes);
      for (std::size_t i = 1; i < bytes.size(); ++i) {
        space_inside = space_inside || (bytes[i] == ' ' && bytes[i - 1] != ' ');
      }
    } else {
      add_token_bytes("");
    }
    ++id;
  }
  // Only now are the bytes where they stay.
  by_bytes_.reserve(vocabulary().tokens.size());
  for (id = 0; id < vocab_size(); ++id) {
    if (type(id) == TokenType::kNormal && !token_bytes(id).empty()) {
      by_bytes_.emplace(token_bytes(id), id);
    }
  }
  pre_tokenizer_ = std::make_unique<SpacePreTokenizer>(!space_inside);
}

TokenId SentencePieceTokenizer::part_symbol(std::string_view part) {
  if (const auto found = by_bytes_.find(part); found != by_bytes_.end()) return found->second;
  if (decode_utf8(part).bytes != part.size()) return -1;
  const auto [entry, added] = virtual_chars_.emplace(part, -1);
  if (added) entry->second = add_virtual_symbol(std::string(part));
  return entry->second;
}

void SentencePieceTokenizer::read_merges() {
  // Rank by score: equal scores share a rank, so that of those the leftmost pair wins.
  std::vector<float> scores = vocabulary().scores;
  for (float& score : scores) score = score == score ? score : 0;  // no NaN: it has no order
  std::vector<float> order = scores;
  std::ranges::sort(order, std::greater<>());
  order.erase(std::unique(order.begin(), order.end()), order.end());

  struct Pair {
    TokenId left;
    TokenId right;
    MergeTable::Merge merge;
  };
  std::vector<Pair> pairs;
  for (TokenId id = 0; id < vocab_size(); ++id) {
    const std::string_view bytes = token_bytes(id);
    const auto found = by_bytes_.find(bytes);
    if (found == by_bytes_.end() || found->second != id || bytes.size() > kMaxSplitBytes) continue;
    const auto place =
        std::ranges::lower_bound(order, scores[static_cast<std::size_t>(id)], std::greater<>());
    const auto rank = static_cast<std::uint32_t>(place - order.begin());
    for (std::size_t cut = decode_utf8(bytes).bytes; cut < bytes.size();
         cut += decode_utf8(bytes.substr(cut)).bytes) {
      const TokenId left = part_symbol(bytes.substr(0, cut));
      if (left < 0) continue;
      const TokenId right = part_symbol(bytes.substr(cut));
      if (right >= 0) pairs.push_back({left, right, {rank, id}});
    }
  }
  merges_.emplace(pairs.size());
  for (const Pair& pair : pairs) merges_->insert(pair.left, pair.right, pair.merge);
}

void SentencePieceTokenizer::first_symbols(std::string_view piece,
                                           std::vector<TokenId>& symbols) const {
  while (!piece.empty()) {
    const std::string_view character = piece.substr(0, decode_utf8(piece).bytes);
    piece.remove_prefix(character.size());
    if (const auto found = by_bytes_.find(character); found != by_bytes_.end()) {
      symbols.push_back(found->second);
      continue;
    }
    if (!virtual_chars_.empty()) {
      if (const auto found = virtual_chars_.find(std::string(character));
          found != virtual_chars_.end()) {
        symbols.push_back(found->second);
        continue;
      }
    }
    for (const char byte : character) {
      symbols.push_back(byte_symbols_[static_cast<std::uint8_t>(byte)]);
    }
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> make_sentencepiece_tokenizer(Vocabulary vocabulary,
                                                              const std::string& name) {
  return std::make_shared<SentencePieceTokenizer>(std::move(vocabulary), name);
}

}  // namespace memagent
