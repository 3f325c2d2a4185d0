// Text to token ids and back.
//
// Text is always ordinary text: encode() never yields a special token, so "<|im_end|>" in a
// document is a run of ordinary characters. Special tokens are asked for by name with
// special_token(). Decoding is exact: the bytes of the ids of a text, joined, are the bytes of the
// text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

using TokenId = std::int32_t;

// Encodes a text that arrives in pieces. Feeding any pieces, split anywhere (inside a character
// too), yields the ids of the whole text, in bounded memory. One stream is used by one thread.
class TokenStream {
 public:
  virtual ~TokenStream() = default;
  // Appends to `out` the ids that no later text can change.
  virtual void feed(std::string_view bytes, std::vector<TokenId>& out) = 0;
  // Ends the text: appends what is left. The stream can then be fed a new text.
  virtual void finish(std::vector<TokenId>& out) = 0;
};

// Immutable once made; every method may be called from any number of threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids are in [0, vocab_size()).
  virtual std::int32_t vocab_size() const = 0;
  // Appends the ids of `text` to `out`.
  virtual void encode(std::string_view text, std::vector<TokenId>& out) const = 0;
  // The bytes of one id; empty for special tokens. Valid as long as the tokenizer, unless the
  // implementation makes up its ids (see estimate), where it is valid until the thread's next call.
  virtual std::string_view token_bytes(TokenId id) const = 0;
  virtual std::unique_ptr<TokenStream> stream() const = 0;

  // The id of the special token written `text` ("<|im_end|>", "<s>"), if the vocabulary has it.
  virtual std::optional<TokenId> special_token(std::string_view text) const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  // True where the model was trained with bos() before every sequence.
  virtual bool adds_bos() const = 0;
  // Tokens that end a response (end of text, end of turn).
  virtual std::span<const TokenId> end_tokens() const = 0;

  std::vector<TokenId> encode(std::string_view text) const;
  std::string decode(std::span<const TokenId> ids) const;
};

// A tokenizer that needs no vocabulary: tokens are made up from the text itself, at most three
// bytes of it each; digits, punctuation and characters of two bytes one each, longer characters two
// or four. It counts more tokens than real vocabularies of 32,000 ids and up do on ordinary text,
// so that budgets measured with it hold.
std::shared_ptr<const Tokenizer> estimating_tokenizer();

// Reads a Hugging Face tokenizer.json (byte-level BPE), a SentencePiece .model file, or the
// vocabulary of a GGUF file, told apart by content. Throws Error(kBadInput).
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& path);

}  // namespace memagent
