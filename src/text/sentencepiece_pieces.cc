#include "text/sentencepiece_pieces.h"

#include <algorithm>
#include <charconv>

#include "base/fail.h"

namespace memagent {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

// "<0x0A>" to 10; -1 for anything else.
int byte_value(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  int value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  return error == std::errc() && end == token.data() + 5 ? value : -1;
}

class SpacePreTokenizer final : public PreTokenizer {
 public:
  explicit SpacePreTokenizer(const SpaceJoins& joins) : joins_(joins) {}

  void split(std::string_view text, bool last, Scratch*,
             std::vector<std::uint32_t>& ends) const override {
    std::size_t begin = 0;
    for (int count = 0; count < 256 && begin < text.size(); ++count) {
      const PreTokenWindow window = pre_token_window(text.substr(begin), last);
      std::size_t end = window.text.find(' ', 1);
      while (end != std::string_view::npos &&
             joins_[static_cast<std::uint8_t>(window.text[end - 1])]) {
        end = window.text.find(' ', end + 1);
      }
      if (end == std::string_view::npos) {
        if (!window.last) return;
        end = window.text.size();
      }
      begin += end;
      ends.push_back(static_cast<std::uint32_t>(begin));
    }
  }

 private:
  SpaceJoins joins_;
};

}  // namespace

std::string sentencepiece_bytes(const Vocabulary& vocabulary, TokenId id) {
  std::string_view token = vocabulary.tokens[static_cast<std::size_t>(id)];
  if (!vocabulary.types.empty() &&
      vocabulary.types[static_cast<std::size_t>(id)] == TokenType::kByte) {
    const int byte = byte_value(token);
    if (byte < 0) {
      fail(ErrorKind::kBadInput, "token {} is typed as a byte but reads '{}'", id, token);
    }
    return std::string(1, static_cast<char>(byte));
  }
  std::string bytes;
  while (!token.empty()) {
    const bool space = token.starts_with(kSpaceMark);
    bytes += space ? ' ' : token.front();
    token.remove_prefix(space ? kSpaceMark.size() : 1);
  }
  return bytes;
}

void add_space_joins(std::string_view bytes, SpaceJoins& joins) {
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    if (bytes[i] == ' ') joins.set(static_cast<std::uint8_t>(bytes[i - 1]));
  }
}

std::unique_ptr<PreTokenizer> space_pre_tokenizer(SpaceJoins joins) {
  joins.set(' ');
  return std::make_unique<SpacePreTokenizer>(joins);
}

}  // namespace memagent
