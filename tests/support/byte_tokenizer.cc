#include "support/byte_tokenizer.h"

#include "base/check.h"

namespace memagent::test {
namespace {

class ByteStream : public TokenStream {
 public:
  void feed(std::string_view bytes, std::vector<TokenId>& out) override {
    for (const char byte : bytes) out.push_back(static_cast<unsigned char>(byte));
  }
  void finish(std::vector<TokenId>&) override {}
};

}  // namespace

ByteTokenizer::ByteTokenizer(ByteTokenizerOptions options) : options_(std::move(options)) {
  for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i);
  for (const std::string& name : options_.end) {
    const auto id = ByteTokenizer::special_token(name);
    MEMAGENT_CHECK(id.has_value(), "end token {} is not among the special tokens", name);
    end_tokens_.push_back(*id);
  }
}

std::int32_t ByteTokenizer::vocab_size() const {
  return static_cast<std::int32_t>(256 + options_.special.size() + options_.merged.size());
}

void ByteTokenizer::encode(std::string_view text, std::vector<TokenId>& out) const {
  const TokenId first_merged = static_cast<TokenId>(256 + options_.special.size());
  while (!text.empty()) {
    TokenId id = static_cast<unsigned char>(text[0]);
    std::size_t length = 1;
    for (std::size_t i = 0; i < options_.merged.size(); ++i) {
      const std::string& merged = options_.merged[i];
      if (merged.size() > length && text.starts_with(merged)) {
        id = first_merged + static_cast<TokenId>(i);
        length = merged.size();
      }
    }
    out.push_back(id);
    text.remove_prefix(length);
  }
}

std::string_view ByteTokenizer::token_bytes(TokenId id) const {
  MEMAGENT_CHECK(id >= 0 && id < vocab_size(), "token id {}", id);
  const std::size_t index = static_cast<std::size_t>(id);
  if (index < 256) return {&bytes_[index], 1};
  const std::size_t first_merged = 256 + options_.special.size();
  if (index < first_merged) return {};
  return options_.merged[index - first_merged];
}

std::unique_ptr<TokenStream> ByteTokenizer::stream() const {
  MEMAGENT_CHECK(options_.merged.empty(), "merged tokens cannot be streamed");
  return std::make_unique<ByteStream>();
}

std::optional<TokenId> ByteTokenizer::special_token(std::string_view text) const {
  for (std::size_t i = 0; i < options_.special.size(); ++i) {
    if (options_.special[i] == text) return static_cast<TokenId>(256 + i);
  }
  return std::nullopt;
}

std::optional<TokenId> ByteTokenizer::bos() const {
  return options_.bos.empty() ? std::nullopt : special_token(options_.bos);
}

std::string ByteTokenizer::decode_all(std::span<const TokenId> ids) const {
  std::string text;
  for (const TokenId id : ids) {
    const std::size_t index = static_cast<std::size_t>(id);
    if (index >= 256 && index < 256 + options_.special.size()) {
      text += options_.special[index - 256];
    } else {
      text += token_bytes(id);
    }
  }
  return text;
}

std::shared_ptr<const ByteTokenizer> byte_tokenizer(ByteTokenizerOptions options) {
  return std::make_shared<const ByteTokenizer>(std::move(options));
}

}  // namespace memagent::test
