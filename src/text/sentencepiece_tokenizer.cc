// SentencePiece BPE (Llama 2): symbols are characters, the pair whose joined text scores highest is
// merged first, and what is not in the vocabulary falls back to byte tokens.
//
// Departures, for the sake of exact decoding: no space is put before the text, text is not
// normalised, and a U+2581 in the text is taken as its bytes, not as a space.
#include <algorithm>

#include "base/fail.h"
#include "text/merging_tokenizer.h"
#include "text/sentencepiece_pieces.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::size_t kMaxSplitBytes = 512;  // longer tokens are never merged

class SentencePieceTokenizer final : public MergingTokenizer {
 public:
  SentencePieceTokenizer(Vocabulary given, const std::string& name);

 private:
  void first_symbols(std::string_view piece, std::vector<TokenId>& symbols) const override;
  void read_tokens();
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
  read_tokens();
  read_merges();
  settle_missing_bytes(name);
}

void SentencePieceTokenizer::read_tokens() {
  const auto count = static_cast<TokenId>(vocabulary().tokens.size());
  SpaceJoins joins;
  for (TokenId id = 0; id < count; ++id) {
    if (!is_text(id)) {
      add_token_bytes("");
      continue;
    }
    const std::string bytes = sentencepiece_bytes(vocabulary(), id);
    add_token_bytes(bytes);
    if (type(id) == TokenType::kByte) {
      byte_symbols_[static_cast<std::uint8_t>(bytes.front())] = id;
    } else {
      add_space_joins(bytes, joins);
    }
  }
  // Only now are the bytes where they stay.
  by_bytes_.reserve(vocabulary().tokens.size());
  for (TokenId id = 0; id < count; ++id) {
    if (type(id) == TokenType::kNormal && !token_bytes(id).empty()) {
      by_bytes_.emplace(token_bytes(id), id);
    }
  }
  pre_tokenizer_ = space_pre_tokenizer(joins);
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
