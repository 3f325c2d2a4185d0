// What tokenizers made from a Vocabulary share: the bytes of each token, special tokens by name,
// end tokens. How text becomes ids is the subclass's.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/consuming_tokenizer.h"
#include "text/vocabulary.h"

namespace memagent {

class VocabularyTokenizer : public ConsumingTokenizer {
 public:
  std::int32_t vocab_size() const final { return static_cast<std::int32_t>(starts_.size()) - 1; }
  std::string_view token_bytes(TokenId id) const final;
  std::optional<TokenId> special_token(std::string_view text) const final;
  std::optional<TokenId> bos() const final;
  bool adds_bos() const final { return vocabulary_.add_bos; }
  std::span<const TokenId> end_tokens() const final { return end_tokens_; }

  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  // Checks the vocabulary and fills in types for one that has none.
  VocabularyTokenizer(Vocabulary vocabulary, const std::string& name);
  // Called by the subclass for each id in order.
  void add_token_bytes(std::string_view bytes);
  TokenType type(TokenId id) const { return vocabulary_.types[static_cast<std::size_t>(id)]; }
  // Neither control nor unknown nor unused.
  bool is_text(TokenId id) const;

 private:
  Vocabulary vocabulary_;
  std::string bytes_;                     // of all tokens, one after another
  std::vector<std::uint32_t> starts_{0};  // [vocab_size + 1] offsets into bytes_
  std::map<std::string, TokenId, std::less<>> special_;
  std::vector<TokenId> end_tokens_;
};

}  // namespace memagent
