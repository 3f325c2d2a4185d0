// What a model without a memory is shown of a document: as much of it as a window holds. Each in
// one pass over the document and memory that grows with the window alone.
//
// Knows documents and tokens; nothing of prompts or models. Budgets are counted on the tokens of
// the document as a whole. A cut may fall inside a character where the tokens do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "memagent/document.h"
#include "memagent/trajectory.h"

namespace memagent {

// The whole document; nothing if it has more than `tokens` tokens.
std::optional<TokenText> whole_document(std::unique_ptr<DocumentSource> document,
                                        const std::shared_ptr<const Tokenizer>& tokenizer,
                                        std::int64_t tokens);
// Its first `head_tokens` tokens and its last `tail_tokens`, without a mark where the middle is
// missing; the whole document where that is all of it.
TokenText ends_of_document(std::unique_ptr<DocumentSource> document,
                           const std::shared_ptr<const Tokenizer>& tokenizer,
                           std::int64_t head_tokens, std::int64_t tail_tokens);

}  // namespace memagent
