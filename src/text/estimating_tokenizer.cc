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
constexpr std::size_t kStretch = 1024;  // bytes whose token lengths are found at once
constexpr std::size_t kAhead = 3;       // bytes behind them that are looked at

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

// The same of a text of at least four bytes, without a jump.
TokenId pack(const char* text, std::size_t bytes) {
  constexpr std::array<std::uint32_t, 4> kTaken = {0, 0xFF, 0xFFFF, 0xFFFFFF};
  const auto byte = [&](std::size_t at) {
    return std::uint32_t{static_cast<std::uint8_t>(text[at])} << (8 * at);
  };
  const std::uint32_t all = byte(0) | byte(1) | byte(2) | byte(3);
  return static_cast<TokenId>((all & kTaken[bytes]) | static_cast<std::uint32_t>(bytes) << 24);
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

// first_token() of every place in `count` bytes, as if a token began there; 0 where a character
// that is not ASCII does. Reads kAhead bytes more. Most of these lengths are of no use, but the
// compiler makes many at once, whereas to find only those needed, one after the other, is to wait
// for each.
void find_lengths(const std::uint8_t* __restrict text, std::size_t count,
                  std::uint8_t* __restrict lengths) {
  if (count == 0) return;
  std::array<std::uint8_t, kStretch + 1> letters;  // 1 or 0, as all that follow
  for (std::size_t i = 0; i <= count; ++i) {
    const auto from_a = static_cast<std::uint8_t>((text[i + 1] | 0x20) - 'a');
    letters[i] = from_a < 26 ? 1 : 0;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t a = text[i];
    const auto from_a = static_cast<std::uint8_t>((a | 0x20) - 'a');
    const std::uint8_t letter = from_a < 26 ? 1 : 0;
    const std::uint8_t space =
        (a == ' ' ? 1 : 0) | (a == '\n' ? 1 : 0) | (a == '\t' ? 1 : 0) | (a == '\r' ? 1 : 0);
    const std::uint8_t run = space & (a == text[i + 1] ? 1 : 0);
    const std::uint8_t still = run & (a == text[i + 2] ? 1 : 0);
    const std::uint8_t second = (letter | space) & (letters[i] | run);
    const std::uint8_t third = second & (still | (letters[i + 1] & (run ^ 1)));
    const std::uint8_t ascii = a < 0x80 ? 1 : 0;
    lengths[i] = static_cast<std::uint8_t>(ascii + second + third);
  }
}

class EstimatingTokenizer final : public ConsumingTokenizer {
 public:
  std::int32_t vocab_size() const override { return kVocabSize; }

  std::size_t consume(std::string_view text, bool last, std::vector<TokenId>& out) const override {
    std::array<std::uint8_t, kStretch> lengths;
    std::array<TokenId, kStretch + 4> ids;  // a byte is a token at most
    std::size_t done = 0;
    while (done < text.size()) {
      // So far all that a token can hold is there.
      const std::size_t ready = std::min(kStretch, std::max(text.size() - done, kAhead) - kAhead);
      find_lengths(reinterpret_cast<const std::uint8_t*>(text.data()) + done, ready,
                   lengths.data());
      std::size_t count = 0;
      std::size_t at = 0;
      do {
        if (at < ready && lengths[at] != 0) {
          ids[count++] = pack(text.data() + done + at, lengths[at]);
          at += lengths[at];
          continue;
        }
        const std::string_view rest = text.substr(done + at);
        const std::size_t bytes = first_token(rest, last);
        if (bytes == 0) {
          out.insert(out.end(), ids.begin(), ids.begin() + count);
          return done + at;
        }
        const bool wide = static_cast<std::uint8_t>(rest[0]) >= 0x80;
        const std::size_t step = !wide ? bytes : bytes == 4 ? 1 : 2;
        for (std::size_t from = 0; from < bytes; from += step) {
          ids[count++] = pack(rest.substr(from, std::min(step, bytes - from)));
        }
        at += bytes;
      } while (at < ready);
      out.insert(out.end(), ids.begin(), ids.begin() + count);
      done += at;
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
