// Encoding by pre-tokens and merges, the part that byte-level BPE and SentencePiece share:
// pre-tokens by a PreTokenizer, merged by a BpeMerger, with a cache of short pre-tokens in front.
//
// Merging works on symbols: ids of the vocabulary, and above them "virtual" symbols for texts that
// merges need but the vocabulary lacks; those come out as the tokens of their bytes. A byte without
// a token (some vocabularies leave out those that no valid UTF-8 contains) comes out as the unknown
// token or as U+FFFD; that is the one case in which decoding is not exact.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe_merger.h"
#include "text/pre_tokenizer.h"
#include "text/vocabulary_tokenizer.h"

namespace memagent {

class MergingTokenizer : public VocabularyTokenizer {
 public:
  ~MergingTokenizer() override;
  std::size_t consume(std::string_view text, bool last, std::vector<TokenId>& out) const final;
  std::size_t consume_window() const final { return kPreTokenWindow; }

 protected:
  MergingTokenizer(Vocabulary vocabulary, const std::string& name);

  // Appends the symbols that merging of `piece` starts from.
  virtual void first_symbols(std::string_view piece, std::vector<TokenId>& symbols) const = 0;
  // A new symbol that comes out as the tokens of `bytes`.
  TokenId add_virtual_symbol(std::string bytes);
  // Decides what bytes without a token become; throws Error(kBadInput) where nothing can be done.
  // byte_symbols_ holds -1 for them before, a virtual symbol after.
  void settle_missing_bytes(const std::string& name);

  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  std::optional<MergeTable> merges_;
  std::array<TokenId, 256> byte_symbols_;
  // Pre-tokens taken whole, without merging; by their bytes, which token_bytes() owns.
  std::unordered_map<std::string_view, TokenId> whole_;

 private:
  struct State;
  void encode_piece(std::string_view piece, State& state, std::vector<TokenId>& out) const;
  void merge_piece(std::string_view piece, State& state, std::vector<TokenId>& out) const;
  void emit(TokenId symbol, std::vector<TokenId>& out) const;
  std::unique_ptr<State> borrow() const;
  void give_back(std::unique_ptr<State> state) const;

  std::vector<std::string> virtual_bytes_;  // of symbol (number of tokens) + index
  std::vector<TokenId> missing_byte_;       // what a byte without a token becomes

  // States not in use; there are as many as threads ever encoded at the same time.
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<State>> states_;
};

}  // namespace memagent
