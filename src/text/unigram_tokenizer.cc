// SentencePiece unigram models: of all ways to cut a text into pieces, the likeliest (the Viterbi
// path; arXiv 1804.10959, section 3.2).
//
// Works on pre-tokens that begin at spaces no piece reaches over; no piece does there, so the path
// of the whole text is those of the pre-tokens, one after another. A character that is no piece
// costs ten more than the unlikeliest piece, as in the library; it becomes its byte tokens where
// the model has them, else the unknown token, which is the one case in which decoding is not exact.
#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "base/fail.h"
#include "text/pre_tokenizer.h"
#include "text/sentencepiece_pieces.h"
#include "text/utf8.h"
#include "text/vocabulary_tokenizer.h"

namespace memagent {
namespace {

constexpr float kUnknownPenalty = 10.0F;

class UnigramTokenizer final : public VocabularyTokenizer {
 public:
  UnigramTokenizer(Vocabulary given, const std::string& name)
      : VocabularyTokenizer(std::move(given), name) {
    if (vocabulary().unknown < 0 || vocabulary().scores.empty()) {
      fail(ErrorKind::kBadInput, "{}: a unigram vocabulary without an unknown token or scores",
           name);
    }
    byte_tokens_.fill(-1);
    read_pieces();
    has_all_bytes_ = std::ranges::find(byte_tokens_, -1) == byte_tokens_.end();
  }

  std::size_t consume(std::string_view text, bool last, std::vector<TokenId>& out) const override {
    std::vector<std::uint32_t> ends;
    pre_tokenizer_->split(text, last, nullptr, ends);
    std::size_t begin = 0;
    std::vector<Step> path;
    for (const std::uint32_t end : ends) {
      encode_piece(text.substr(begin, end - begin), path, out);
      begin = end;
    }
    return begin;
  }
  std::size_t consume_window() const override { return kPreTokenWindow; }

 private:
  // The best way to the end of a character.
  struct Step {
    float score = 0;
    TokenId id = -1;  // the last piece on it; -1: not reached
    std::uint32_t bytes = 0;
  };

  void read_pieces() {
    const auto count = static_cast<TokenId>(vocabulary().tokens.size());
    SpaceJoins joins;
    for (TokenId id = 0; id < count; ++id) {
      const std::string bytes = is_text(id) ? sentencepiece_bytes(vocabulary(), id) : std::string();
      if (type(id) == TokenType::kByte) {
        byte_tokens_[static_cast<std::uint8_t>(bytes.front())] = id;
      } else {
        add_space_joins(bytes, joins);
      }
      add_token_bytes(bytes);
    }
    pre_tokenizer_ = space_pre_tokenizer(joins);
    // Only now are the bytes where they stay.
    for (TokenId id = 0; id < count; ++id) {
      if (type(id) != TokenType::kNormal || token_bytes(id).empty()) continue;
      pieces_.emplace(token_bytes(id), id);
      longest_piece_ = std::max(longest_piece_, token_bytes(id).size());
      lowest_score_ = std::min(lowest_score_, score(id));
    }
  }

  float score(TokenId id) const { return vocabulary().scores[static_cast<std::size_t>(id)]; }

  void encode_piece(std::string_view text, std::vector<Step>& path,
                    std::vector<TokenId>& out) const {
    path.assign(text.size() + 1, {});
    path[0].id = 0;
    const auto offer = [&](std::size_t end, const Step& step) {
      if (path[end].id < 0 || step.score > path[end].score) path[end] = step;
    };
    for (std::size_t begin = 0, next = 0; begin < text.size(); begin = next) {
      const float before = path[begin].score;
      next = begin + decode_utf8(text.substr(begin)).bytes;
      bool known_character = false;
      for (std::size_t end = next; end <= text.size() && end - begin <= longest_piece_;
           end += end < text.size() ? decode_utf8(text.substr(end)).bytes : 1) {
        const auto found = pieces_.find(text.substr(begin, end - begin));
        if (found == pieces_.end()) continue;
        known_character = known_character || end == next;
        offer(end, {before + score(found->second), found->second,
                    static_cast<std::uint32_t>(end - begin)});
      }
      if (!known_character) {
        offer(next, {before + lowest_score_ - kUnknownPenalty, vocabulary().unknown,
                     static_cast<std::uint32_t>(next - begin)});
      }
    }
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (std::size_t end = text.size(); end > 0; end -= path[end].bytes) {
      if (path[end].id != vocabulary().unknown || !has_all_bytes_) {
        out.push_back(path[end].id);
        continue;
      }
      for (std::size_t i = end; i > end - path[end].bytes; --i) {
        out.push_back(byte_tokens_[static_cast<std::uint8_t>(text[i - 1])]);
      }
    }
    std::reverse(out.begin() + first, out.end());
  }

  std::unordered_map<std::string_view, TokenId> pieces_;
  std::size_t longest_piece_ = 1;
  float lowest_score_ = 0;
  std::array<TokenId, 256> byte_tokens_{};
  bool has_all_bytes_ = false;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_unigram_tokenizer(Vocabulary vocabulary,
                                                        const std::string& name) {
  return std::make_shared<UnigramTokenizer>(std::move(vocabulary), name);
}

}  // namespace memagent
