// Byte-level BPE (GPT-2 and its heirs): symbols are bytes, merges are ranked by their order.
#include "base/fail.h"
#include "text/byte_alphabet.h"
#include "text/merging_tokenizer.h"

namespace memagent {
namespace {

class ByteLevelTokenizer final : public MergingTokenizer {
 public:
  ByteLevelTokenizer(Vocabulary given, const std::string& name);

 private:
  void first_symbols(std::string_view piece, std::vector<TokenId>& symbols) const override {
    for (const char byte : piece) symbols.push_back(byte_symbols_[static_cast<std::uint8_t>(byte)]);
  }
  void read_tokens();
  void read_merges(const std::string& name);
  TokenId symbol_of(const std::string& text, const std::string& name);

  // While reading only: texts in the alphabet to symbols.
  std::unordered_map<std::string_view, TokenId> symbols_;
  std::unordered_map<std::string, TokenId> virtual_symbols_;
};

ByteLevelTokenizer::ByteLevelTokenizer(Vocabulary given, const std::string& name)
    : MergingTokenizer(std::move(given), name) {
  pre_tokenizer_ = vocabulary().patterns.empty()
                       ? named_pre_tokenizer(vocabulary().pre_tokenizer)
                       : pattern_pre_tokenizer(vocabulary().patterns, name);
  if (!pre_tokenizer_) {
    fail(ErrorKind::kBadInput,
         "{}: unknown pre-tokenizer '{}'; known are gpt-2, llama-bpe, qwen2, smollm and default",
         name, vocabulary().pre_tokenizer);
  }
  read_tokens();
  read_merges(name);
  settle_missing_bytes(name);
  symbols_ = {};
  virtual_symbols_ = {};
}

void ByteLevelTokenizer::read_tokens() {
  symbols_.reserve(vocabulary().tokens.size());
  TokenId id = 0;
  for (const std::string& token : vocabulary().tokens) {
    const TokenType token_type = type(id);
    std::optional<std::string> bytes;
    if (token_type == TokenType::kNormal || token_type == TokenType::kByte) {
      bytes = from_byte_alphabet(token);
    }
    if (bytes && !bytes->empty()) {
      add_token_bytes(*bytes);
      symbols_.emplace(token, id);
      if (bytes->size() == 1) {
        TokenId& symbol = byte_symbols_[static_cast<std::uint8_t>(bytes->front())];
        if (symbol < 0) symbol = id;
      }
    } else {
      add_token_bytes(is_text(id) ? std::string_view(token) : std::string_view());
    }
    ++id;
  }
  const bool llama3 = patterns_of(vocabulary().pre_tokenizer) == patterns_of("llama-bpe");
  if (vocabulary().ignore_merges || (llama3 && vocabulary().patterns.empty())) {
    whole_.reserve(symbols_.size());
    for (const auto& [token, token_id] : symbols_) whole_.emplace(token_bytes(token_id), token_id);
  }
}

TokenId ByteLevelTokenizer::symbol_of(const std::string& text, const std::string& name) {
  if (const auto found = symbols_.find(text); found != symbols_.end()) return found->second;
  if (const auto found = virtual_symbols_.find(text); found != virtual_symbols_.end()) {
    return found->second;
  }
  std::optional<std::string> bytes = from_byte_alphabet(text);
  if (!bytes || bytes->empty()) {
    fail(ErrorKind::kBadInput, "{}: a merge names '{}', which is not byte-level text", name, text);
  }
  const bool single = bytes->size() == 1;
  const auto byte = static_cast<std::uint8_t>(bytes->front());
  const TokenId symbol = add_virtual_symbol(std::move(*bytes));
  if (single) byte_symbols_[byte] = symbol;
  virtual_symbols_.emplace(text, symbol);
  return symbol;
}

void ByteLevelTokenizer::read_merges(const std::string& name) {
  merges_.emplace(vocabulary().merges.size());
  std::uint32_t rank = 0;
  for (const std::string& merge : vocabulary().merges) {
    // From 1 on: the left side is not empty.
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      fail(ErrorKind::kBadInput, "{}: merge {} is '{}', not two texts with a space between", name,
           rank, merge);
    }
    const std::string left = merge.substr(0, space);
    const std::string right = merge.substr(space + 1);
    const TokenId left_symbol = symbol_of(left, name);
    const TokenId right_symbol = symbol_of(right, name);
    merges_->insert(left_symbol, right_symbol, {rank++, symbol_of(left + right, name)});
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(Vocabulary vocabulary,
                                                    const std::string& name) {
  return std::make_shared<ByteLevelTokenizer>(std::move(vocabulary), name);
}

}  // namespace memagent
