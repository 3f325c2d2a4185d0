// A vocabulary as plain data, in the form GGUF files keep it, and the tokenizers made from one.
//
// Readers of containers (GGUF metadata, tokenizer.json, SentencePiece models, the trainer) fill a
// Vocabulary; writers take one. Nothing here knows how any container is laid out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/tokenizer.h"

namespace memagent {

// The numbers are those of `tokenizer.ggml.token_type`.
enum class TokenType : std::int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // special: never made from text, decodes to nothing
  kUserDefined = 4,  // added by hand ("<think>"): never made from text, decodes to its text
  kUnused = 5,
  kByte = 6,  // SentencePiece's "<0x0A>"
};

enum class VocabularyKind {
  kByteLevelBpe,   // tokenizer.ggml.model "gpt2": ranked merges over bytes
  kSentencePiece,  // tokenizer.ggml.model "llama": merges by score over characters
  kUnigram,        // SentencePiece unigram: the likeliest pieces; from .model files only
};

struct Vocabulary {
  VocabularyKind kind = VocabularyKind::kByteLevelBpe;
  // kByteLevelBpe: `tokenizer.ggml.pre`: how text is cut into pre-tokens before merging. Known
  // names are in pre_tokenizer.h ("gpt-2", "llama-bpe", "qwen2", "smollm", "default" and those that
  // mean the same); "" is "default".
  std::string pre_tokenizer;
  // kByteLevelBpe: regular expressions (PCRE2's language) applied one inside the other, for a
  // tokenizer.json whose pattern has no name. Used instead of pre_tokenizer when not empty.
  std::vector<std::string> patterns;
  // As written in the file. kByteLevelBpe: bytes in GPT-2's printable alphabet (a space is U+0120).
  // kSentencePiece: U+2581 for a space, "<0x0A>" for a byte. Control tokens: their name.
  std::vector<std::string> tokens;
  // kByteLevelBpe: "left right" in the tokens' alphabet, most urgent first.
  std::vector<std::string> merges;
  std::vector<float> scores;     // kSentencePiece: one per token, higher merges first
  std::vector<TokenType> types;  // one per token; empty: all normal
  // -1: none.
  TokenId bos = -1;
  TokenId eos = -1;
  TokenId eot = -1;
  TokenId unknown = -1;
  TokenId padding = -1;
  bool add_bos = false;
  // kSentencePiece: the model was trained with a space put before the text. encode() does not put
  // one (decoding is exact); who wants the model's own habit encodes " " + text.
  bool add_space_prefix = true;
  // kByteLevelBpe: a pre-token that is a token as a whole is taken without merging. Set by the
  // readers where the file says so; implied by "llama-bpe".
  bool ignore_merges = false;
};

// Each throws Error(kBadInput) for a vocabulary that contradicts itself: no tokens, types or scores
// of another length, ids out of range, malformed merges, an unknown pre_tokenizer. `name` (a file
// name) begins the message.
std::shared_ptr<const Tokenizer> make_bpe_tokenizer(Vocabulary vocabulary,
                                                    const std::string& name = "vocabulary");
std::shared_ptr<const Tokenizer> make_sentencepiece_tokenizer(
    Vocabulary vocabulary, const std::string& name = "vocabulary");
std::shared_ptr<const Tokenizer> make_unigram_tokenizer(Vocabulary vocabulary,
                                                        const std::string& name = "vocabulary");
// One of the three, by vocabulary.kind.
std::shared_ptr<const Tokenizer> make_tokenizer(Vocabulary vocabulary,
                                                const std::string& name = "vocabulary");

// Sets bos and eos, where they are -1, to special tokens of well-known names, if there are any.
void set_well_known_ids(Vocabulary& vocabulary);

// What a tokenizer was made from, for writing it into another container; null for a tokenizer that
// was not made from a Vocabulary. Lives as long as the tokenizer.
const Vocabulary* vocabulary_of(const Tokenizer& tokenizer);

// tokenizer.json of byte-level BPE models, and back. `name` (a file name) begins error messages.
// bos, eos and add_bos are what tokenizer.json itself says (its post-processor) or well-known
// names; load_tokenizer() also looks into the tokenizer_config.json beside the file.
Vocabulary parse_tokenizer_json(std::string_view json, const std::string& name);
std::string write_tokenizer_json(const Vocabulary& vocabulary);

}  // namespace memagent
