// A tokenizer for tests: one id per byte, then special tokens by name. What it counts can be
// counted by hand, and every cut between bytes is a cut between tokens.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "memagent/tokenizer.h"

namespace memagent::test {

struct ByteTokenizerOptions {
  // Special tokens, with ids from 256 on in this order.
  std::vector<std::string> special = {"<s>", "</s>", "<|im_start|>", "<|im_end|>"};
  std::vector<std::string> end = {"</s>", "<|im_end|>"};  // of those, the ones that end a response
  std::string bos = "<s>";                                // empty: none
  bool adds_bos = false;
  // Texts that are one token each, with ids after the special ones: for tests of tokens that hold
  // several characters. encode() takes the longest that fits.
  std::vector<std::string> merged = {};
};

class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(ByteTokenizerOptions options = {});

  using Tokenizer::encode;
  std::int32_t vocab_size() const override;
  void encode(std::string_view text, std::vector<TokenId>& out) const override;
  std::string_view token_bytes(TokenId id) const override;
  std::unique_ptr<TokenStream> stream() const override;  // only without merged tokens
  std::optional<TokenId> special_token(std::string_view text) const override;
  std::optional<TokenId> bos() const override;
  bool adds_bos() const override { return options_.adds_bos; }
  std::span<const TokenId> end_tokens() const override { return end_tokens_; }

  // As decode(), with special tokens written out: for comparing prompts with expected text.
  std::string decode_all(std::span<const TokenId> ids) const;

 private:
  ByteTokenizerOptions options_;
  std::array<char, 256> bytes_;
  std::vector<TokenId> end_tokens_;
};

std::shared_ptr<const ByteTokenizer> byte_tokenizer(ByteTokenizerOptions options = {});

}  // namespace memagent::test
