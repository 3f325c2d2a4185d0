#include "eval/window.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace memagent {
namespace {

constexpr std::int32_t kPieceTokens = 1024;

SectionReader pieces_of(std::unique_ptr<DocumentSource> document,
                        const std::shared_ptr<const Tokenizer>& tokenizer) {
  return {std::move(document), tokenizer,
          SectionOptions{.section_tokens = kPieceTokens, .cut = Cut::kExact}};
}

// Tokens [begin, end) of a piece with their bytes.
void append(TokenText& text, const Section& piece, const Tokenizer& tokenizer, std::size_t begin,
            std::size_t end) {
  std::size_t byte_begin = 0;
  std::size_t byte_end = piece.text.size();
  for (std::size_t i = 0; i < begin; ++i)
    byte_begin += tokenizer.token_bytes(piece.tokens[i]).size();
  for (std::size_t i = end; i < piece.tokens.size(); ++i) {
    byte_end -= tokenizer.token_bytes(piece.tokens[i]).size();
  }
  text.tokens.insert(text.tokens.end(), piece.tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                     piece.tokens.begin() + static_cast<std::ptrdiff_t>(end));
  text.text.append(piece.text, byte_begin, byte_end - byte_begin);
}

}  // namespace

std::optional<TokenText> whole_document(std::unique_ptr<DocumentSource> document,
                                        const std::shared_ptr<const Tokenizer>& tokenizer,
                                        std::int64_t tokens) {
  SectionReader reader = pieces_of(std::move(document), tokenizer);
  TokenText text;
  for (Section piece; reader.next(piece);) {
    if (static_cast<std::int64_t>(text.tokens.size() + piece.tokens.size()) > tokens) return {};
    append(text, piece, *tokenizer, 0, piece.tokens.size());
  }
  return text;
}

TokenText ends_of_document(std::unique_ptr<DocumentSource> document,
                           const std::shared_ptr<const Tokenizer>& tokenizer,
                           std::int64_t head_tokens, std::int64_t tail_tokens) {
  SectionReader reader = pieces_of(std::move(document), tokenizer);
  TokenText text;
  std::deque<std::pair<Section, std::size_t>> tail;  // pieces and where the tail begins in them
  std::int64_t held = 0;                             // tokens of the tail
  for (Section piece; reader.next(piece); piece = Section()) {
    const auto wanted = static_cast<std::size_t>(
        std::max<std::int64_t>(0, head_tokens - static_cast<std::int64_t>(text.tokens.size())));
    const std::size_t to_head = std::min(piece.tokens.size(), wanted);
    append(text, piece, *tokenizer, 0, to_head);
    if (to_head == piece.tokens.size()) continue;
    held += static_cast<std::int64_t>(piece.tokens.size() - to_head);
    tail.emplace_back(std::move(piece), to_head);
    while (held > tail_tokens) {
      auto& [first, begin] = tail.front();
      const auto rest = static_cast<std::int64_t>(first.tokens.size() - begin);
      const std::int64_t dropped = std::min(rest, held - tail_tokens);
      begin += static_cast<std::size_t>(dropped);
      held -= dropped;
      if (dropped == rest) tail.pop_front();
    }
  }
  for (const auto& [piece, begin] : tail) {
    append(text, piece, *tokenizer, begin, piece.tokens.size());
  }
  return text;
}

}  // namespace memagent
