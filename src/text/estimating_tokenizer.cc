// Tokens made up from the text itself, for counting when no vocabulary is at hand.
//
// An id holds its own bytes: the count (1 to 3) in bits 24 and 25, the bytes below, first lowest.
// Characters of three bytes become two tokens and those of four become four, because vocabularies
// of 32,000 ids fall back to bytes for most of them.
#include <algorithm>
#include <array>

#include "text/consuming_tokenizer.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::int32_t kVocabSize = 4 << 24;

bool is_ascii_letter(std::uint8_t byte) {
  const int folded = byte | 0x20;
  return folded >= 'a' && folded <= 'z';
}

TokenId pack(std::string_view bytes) {
  auto id = static_cast<std::uint32_t>(bytes.size()) << 24;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    id |= std::uint32_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  }
  return static_cast<TokenId>(id);
}

// Bytes of the first token, or of the first character if it is not ASCII; 0 if text that is not
// there yet could change it. A white-space character goes with up to two letters after it; runs of
// one white-space character go by threes.
std::size_t first_token(std::string_view text, bool last) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  const std::uint8_t first = byte(0);
  if (first >= 0x80) {
    const Utf8Char next = decode_utf8(text);
    if (next.incomplete && !last) return 0;
    return next.valid ? next.bytes : 1;
  }
  const bool space = first == ' ' || first == '\t' || first == '\n' || first == '\r';
  if (!space && !is_ascii_letter(first)) return 1;
  for (std::size_t length = 1; length < 3; ++length) {
    if (length == text.size()) return last ? length : 0;
    const std::uint8_t next = byte(length);
    const bool repeats = space && next == first && byte(length - 1) == first;
    const bool letter = is_ascii_letter(next) && !(space && length == 2 && byte(1) == first);
    if (!repeats && !letter) return length;
  }
  return 3;
}

class EstimatingTokenizer final : public ConsumingTokenizer {
 public:
  std::int32_t vocab_size() const override { return kVocabSize; }

  std::size_t consume(std::string_view text, bool last, std::vector<TokenId>& out) const override {
    std::size_t done = 0;
    while (done < text.size()) {
      const std::string_view rest = text.substr(done);
      const std::size_t bytes = first_token(rest, last);
      if (bytes == 0) break;
      const bool wide = static_cast<std::uint8_t>(rest[0]) >= 0x80;
      const std::size_t step = !wide ? bytes : bytes == 4 ? 1 : 2;
      for (std::size_t at = 0; at < bytes; at += step) {
        out.push_back(pack(rest.substr(at, std::min(step, bytes - at))));
      }
      done += bytes;
    }
    return done;
  }
  std::size_t consume_window() const override { return 4; }

  std::string_view token_bytes(TokenId id) const override {
    thread_local std::array<char, 3> bytes;
    const auto packed = static_cast<std::uint32_t>(id);
    for (std::size_t i = 0; i < 3; ++i) bytes[i] = static_cast<char>((packed >> (8 * i)) & 0xFF);
    return {bytes.data(), packed >> 24};
  }

  std::optional<TokenId> special_token(std::string_view) const override { return std::nullopt; }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  bool adds_bos() const override { return false; }
  std::span<const TokenId> end_tokens() const override { return {}; }
};

}  // namespace

std::shared_ptr<const Tokenizer> estimating_tokenizer() {
  static const std::shared_ptr<const Tokenizer> tokenizer = std::make_shared<EstimatingTokenizer>();
  return tokenizer;
}

}  // namespace memagent
