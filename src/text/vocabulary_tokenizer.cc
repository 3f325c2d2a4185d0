#include "text/vocabulary_tokenizer.h"

#include <algorithm>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

constexpr std::size_t kMaxTokens = 16'000'000;
constexpr std::size_t kMaxTokenBytes = std::size_t{1} << 31;

// Tokens that end a turn or a text in the model families people use.
constexpr std::string_view kEndNames[] = {"<|im_end|>",    "<|eot_id|>", "<|end_of_text|>",
                                          "<|endoftext|>", "</s>",       "<|eom_id|>",
                                          "<end_of_turn>", "<|end|>"};
// Names that are special in a vocabulary that does not say which of its tokens are.
constexpr std::string_view kSpecialNames[] = {"<s>", "<|im_start|>", "<|begin_of_text|>",
                                              "<|start_header_id|>", "<|end_header_id|>"};

void check_id(TokenId id, const char* what, std::size_t tokens, const std::string& name) {
  if (id >= -1 && (id == -1 || static_cast<std::size_t>(id) < tokens)) return;
  fail(ErrorKind::kBadInput, "{}: {} token id is {}, outside the vocabulary of {} tokens", name,
       what, id, tokens);
}

}  // namespace

VocabularyTokenizer::VocabularyTokenizer(Vocabulary vocabulary, const std::string& name)
    : vocabulary_(std::move(vocabulary)) {
  const std::size_t count = vocabulary_.tokens.size();
  if (count == 0) fail(ErrorKind::kBadInput, "{}: the vocabulary has no tokens", name);
  if (count > kMaxTokens) {
    fail(ErrorKind::kBadInput, "{}: the vocabulary has {} tokens, more than {}", name, count,
         kMaxTokens);
  }
  std::size_t bytes = 0;
  for (const std::string& token : vocabulary_.tokens) bytes += token.size();
  if (bytes > kMaxTokenBytes) {
    fail(ErrorKind::kBadInput, "{}: the tokens are {} bytes in all, more than {}", name, bytes,
         kMaxTokenBytes);
  }
  if (!vocabulary_.types.empty() && vocabulary_.types.size() != count) {
    fail(ErrorKind::kBadInput, "{}: {} tokens but {} token types", name, count,
         vocabulary_.types.size());
  }
  if (!vocabulary_.scores.empty() && vocabulary_.scores.size() != count) {
    fail(ErrorKind::kBadInput, "{}: {} tokens but {} scores", name, count,
         vocabulary_.scores.size());
  }
  check_id(vocabulary_.bos, "begin-of-text", count, name);
  check_id(vocabulary_.eos, "end-of-text", count, name);
  check_id(vocabulary_.eot, "end-of-turn", count, name);
  check_id(vocabulary_.unknown, "unknown", count, name);
  check_id(vocabulary_.padding, "padding", count, name);
  if (vocabulary_.add_bos && vocabulary_.bos < 0) {
    fail(ErrorKind::kBadInput, "{}: asks for a begin-of-text token and does not say which", name);
  }

  if (vocabulary_.types.empty()) {
    vocabulary_.types.assign(count, TokenType::kNormal);
    for (std::size_t id = 0; id < count; ++id) {
      const std::string& token = vocabulary_.tokens[id];
      if (std::ranges::find(kEndNames, token) != std::end(kEndNames) ||
          std::ranges::find(kSpecialNames, token) != std::end(kSpecialNames)) {
        vocabulary_.types[id] = TokenType::kControl;
      }
    }
  }
  for (const TokenId id : {vocabulary_.bos, vocabulary_.eos, vocabulary_.eot}) {
    if (id >= 0) vocabulary_.types[static_cast<std::size_t>(id)] = TokenType::kControl;
  }

  for (std::size_t id = 0; id < count; ++id) {
    const TokenType token_type = vocabulary_.types[id];
    if (token_type == TokenType::kControl || token_type == TokenType::kUserDefined ||
        token_type == TokenType::kUnknown) {
      special_.emplace(vocabulary_.tokens[id], static_cast<TokenId>(id));
    }
  }
  const auto add_end = [&](TokenId id) {
    if (id >= 0 && std::ranges::find(end_tokens_, id) == end_tokens_.end()) {
      end_tokens_.push_back(id);
    }
  };
  add_end(vocabulary_.eos);
  add_end(vocabulary_.eot);
  for (const std::string_view end_name : kEndNames) {
    if (const auto id = special_token(end_name)) add_end(*id);
  }
  starts_.reserve(count + 1);
  bytes_.reserve(bytes);
}

void VocabularyTokenizer::add_token_bytes(std::string_view bytes) {
  bytes_ += bytes;
  starts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

bool VocabularyTokenizer::is_text(TokenId id) const {
  const TokenType token_type = type(id);
  return token_type != TokenType::kControl && token_type != TokenType::kUnknown &&
         token_type != TokenType::kUnused;
}

std::string_view VocabularyTokenizer::token_bytes(TokenId id) const {
  MEMAGENT_CHECK(id >= 0 && id < vocab_size(), "id {} of {}", id, vocab_size());
  const auto index = static_cast<std::size_t>(id);
  return std::string_view(bytes_).substr(starts_[index], starts_[index + 1] - starts_[index]);
}

std::optional<TokenId> VocabularyTokenizer::special_token(std::string_view text) const {
  const auto found = special_.find(text);
  if (found == special_.end()) return std::nullopt;
  return found->second;
}

std::optional<TokenId> VocabularyTokenizer::bos() const {
  if (vocabulary_.bos < 0) return std::nullopt;
  return vocabulary_.bos;
}

std::shared_ptr<const Tokenizer> make_tokenizer(Vocabulary vocabulary, const std::string& name) {
  switch (vocabulary.kind) {
    case VocabularyKind::kByteLevelBpe:
      return make_bpe_tokenizer(std::move(vocabulary), name);
    case VocabularyKind::kSentencePiece:
      return make_sentencepiece_tokenizer(std::move(vocabulary), name);
    case VocabularyKind::kUnigram:
      return make_unigram_tokenizer(std::move(vocabulary), name);
  }
  fail(ErrorKind::kBadInput, "{}: a vocabulary of an unknown kind", name);
}

void set_well_known_ids(Vocabulary& vocabulary) {
  const auto find = [&](std::string_view text) {
    const auto place = std::ranges::find(vocabulary.tokens, text);
    return place == vocabulary.tokens.end()
               ? TokenId{-1}
               : static_cast<TokenId>(place - vocabulary.tokens.begin());
  };
  for (const std::string_view text :
       {"<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "</s>"}) {
    if (vocabulary.eos < 0) vocabulary.eos = find(text);
  }
  for (const std::string_view text : {"<|begin_of_text|>", "<s>"}) {
    if (vocabulary.bos < 0) vocabulary.bos = find(text);
  }
}

const Vocabulary* vocabulary_of(const Tokenizer& tokenizer) {
  const auto* made = dynamic_cast<const VocabularyTokenizer*>(&tokenizer);
  return made == nullptr ? nullptr : &made->vocabulary();
}

}  // namespace memagent
