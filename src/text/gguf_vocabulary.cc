#include "text/gguf_vocabulary.h"

#include "base/fail.h"
#include "format/printable.h"

namespace memagent {
namespace {

constexpr const char* kModel = "tokenizer.ggml.model";
constexpr const char* kPre = "tokenizer.ggml.pre";
constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTypes = "tokenizer.ggml.token_type";
constexpr const char* kScores = "tokenizer.ggml.scores";
constexpr const char* kMerges = "tokenizer.ggml.merges";
constexpr const char* kBos = "tokenizer.ggml.bos_token_id";
constexpr const char* kEos = "tokenizer.ggml.eos_token_id";
constexpr const char* kEot = "tokenizer.ggml.eot_token_id";
constexpr const char* kUnknown = "tokenizer.ggml.unknown_token_id";
constexpr const char* kPadding = "tokenizer.ggml.padding_token_id";
constexpr const char* kAddBos = "tokenizer.ggml.add_bos_token";
constexpr const char* kAddSpacePrefix = "tokenizer.ggml.add_space_prefix";

class Keys {
 public:
  Keys(const Gguf& gguf, const std::string& path) : gguf_(gguf), path_(path) {}

  std::string text(const char* key, std::string fallback) const {
    const GgufValue* value = gguf_.find(key);
    if (value == nullptr) return fallback;
    const auto text = value->string();
    if (!text) wrong(key, *value, "a string");
    return std::string(*text);
  }

  bool boolean(const char* key, bool fallback) const {
    const GgufValue* value = gguf_.find(key);
    if (value == nullptr) return fallback;
    const auto boolean = value->boolean();
    if (!boolean) wrong(key, *value, "a truth value");
    return *boolean;
  }

  // The id, or -1. The largest u32 is how some files say "none".
  TokenId id(const char* key, std::size_t num_tokens, TokenId fallback = -1) const {
    const GgufValue* value = gguf_.find(key);
    if (value == nullptr) return fallback;
    const auto id = value->integer();
    if (!id) wrong(key, *value, "an integer");
    if (*id == -1 || *id == UINT32_MAX) return -1;
    if (*id < 0 || static_cast<std::uint64_t>(*id) >= num_tokens) {
      fail(ErrorKind::kBadInput, "'{}': {} is {}, the vocabulary has {} tokens", path_, key, *id,
           num_tokens);
    }
    return static_cast<TokenId>(*id);
  }

  std::vector<std::string> texts(const char* key) const {
    const GgufValue* value = gguf_.find(key);
    if (value == nullptr) return {};
    const auto texts = value->strings();
    if (!texts) wrong(key, *value, "an array of strings");
    return {texts->begin(), texts->end()};
  }

  // One number per token, or nothing if the key is missing.
  std::vector<double> numbers(const char* key, std::size_t num_tokens) const {
    const GgufValue* value = gguf_.find(key);
    if (value == nullptr) return {};
    auto numbers = value->numbers();
    if (!numbers) wrong(key, *value, "an array of numbers");
    if (numbers->size() != num_tokens) {
      fail(ErrorKind::kBadInput, "'{}': {} has {} elements, the vocabulary has {} tokens", path_,
           key, numbers->size(), num_tokens);
    }
    return *std::move(numbers);
  }

 private:
  [[noreturn]] void wrong(const char* key, const GgufValue& value, const char* expected) const {
    fail(ErrorKind::kBadInput, "'{}': {} is of type {}, expected {}", path_, key,
         to_string(value.type), expected);
  }

  const Gguf& gguf_;
  const std::string& path_;
};

TokenType token_type(double number, const std::string& path) {
  if (!(number >= 1 && number <= 6) || number != static_cast<int>(number)) {
    fail(ErrorKind::kBadInput, "'{}': {} has the value {}, expected 1 to 6", path, kTypes, number);
  }
  return static_cast<TokenType>(static_cast<int>(number));
}

}  // namespace

bool has_vocabulary(const Gguf& gguf) { return gguf.find(kTokens) != nullptr; }

Vocabulary read_gguf_vocabulary(const Gguf& gguf, const std::string& path) {
  const Keys keys(gguf, path);
  Vocabulary out;
  const std::string model = keys.text(kModel, "");
  if (model == "gpt2") {
    out.kind = VocabularyKind::kByteLevelBpe;
  } else if (model == "llama") {
    out.kind = VocabularyKind::kSentencePiece;
  } else {
    fail(ErrorKind::kBadInput,
         "'{}': {} is '{}', memagent reads 'gpt2' (byte-level BPE) and 'llama' (SentencePiece)",
         path, kModel, printable(model));
  }
  const bool sentence_piece = out.kind == VocabularyKind::kSentencePiece;
  out.pre_tokenizer = keys.text(kPre, "");
  out.tokens = keys.texts(kTokens);
  if (out.tokens.empty() || out.tokens.size() > INT32_MAX) {
    fail(ErrorKind::kBadInput, "'{}': {} has {} elements", path, kTokens, out.tokens.size());
  }
  for (const double number : keys.numbers(kTypes, out.tokens.size())) {
    out.types.push_back(token_type(number, path));
  }
  if (sentence_piece) {
    const auto scores = keys.numbers(kScores, out.tokens.size());
    out.scores.assign(scores.begin(), scores.end());
  } else {
    out.merges = keys.texts(kMerges);
  }
  // Where keys are missing, these are llama.cpp's defaults for SentencePiece; byte-level files
  // without a begin token have none.
  const auto spm = [&](TokenId id) {
    return sentence_piece && static_cast<std::size_t>(id) < out.tokens.size() ? id : -1;
  };
  out.bos = keys.id(kBos, out.tokens.size(), spm(1));
  out.eos = keys.id(kEos, out.tokens.size(), spm(2));
  out.unknown = keys.id(kUnknown, out.tokens.size(), spm(0));
  out.eot = keys.id(kEot, out.tokens.size());
  out.padding = keys.id(kPadding, out.tokens.size());
  const bool llama3 = out.pre_tokenizer == "llama-bpe" || out.pre_tokenizer == "llama3" ||
                      out.pre_tokenizer == "llama-v3";
  out.add_bos = keys.boolean(kAddBos, sentence_piece || llama3) && out.bos >= 0;
  out.add_space_prefix = keys.boolean(kAddSpacePrefix, true);
  return out;
}

void write_gguf_vocabulary(const Vocabulary& vocabulary, GgufWriter& writer) {
  const bool sentence_piece = vocabulary.kind == VocabularyKind::kSentencePiece;
  if (vocabulary.kind == VocabularyKind::kUnigram) {
    fail(ErrorKind::kBadInput, "a unigram vocabulary cannot be written to a GGUF file");
  }
  if (!vocabulary.patterns.empty()) {
    fail(ErrorKind::kBadInput,
         "the vocabulary cuts text by a pattern that GGUF has no name for, so it cannot be written "
         "to a GGUF file; use a tokenizer of the GPT-2, Llama-3 or Qwen2 family");
  }
  writer.set_string(kModel, sentence_piece ? "llama" : "gpt2");
  if (!vocabulary.pre_tokenizer.empty()) writer.set_string(kPre, vocabulary.pre_tokenizer);
  writer.set_strings(kTokens, vocabulary.tokens);
  std::vector<std::int32_t> types;
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<std::int32_t>(type));
  types.resize(vocabulary.tokens.size(), static_cast<std::int32_t>(TokenType::kNormal));
  writer.set_i32s(kTypes, types);
  if (sentence_piece) writer.set_f32s(kScores, vocabulary.scores);
  if (!sentence_piece) writer.set_strings(kMerges, vocabulary.merges);
  const auto set_id = [&](const char* key, TokenId id) {
    if (id >= 0) writer.set_u32(key, static_cast<std::uint32_t>(id));
  };
  set_id(kBos, vocabulary.bos);
  set_id(kEos, vocabulary.eos);
  set_id(kEot, vocabulary.eot);
  set_id(kUnknown, vocabulary.unknown);
  set_id(kPadding, vocabulary.padding);
  writer.set_bool(kAddBos, vocabulary.add_bos);
  if (sentence_piece) writer.set_bool(kAddSpacePrefix, vocabulary.add_space_prefix);
}

}  // namespace memagent
