// What BPE and unigram models of SentencePiece share: how pieces are written, and where text can be
// cut without changing its encoding.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/pre_tokenizer.h"
#include "text/vocabulary.h"

namespace memagent {

// The bytes a piece stands for: U+2581 is a space, "<0x0A>" typed as a byte is that byte. Throws
// Error(kBadInput) for a byte piece that does not read so.
std::string sentencepiece_bytes(const Vocabulary& vocabulary, TokenId id);
// True if a space follows something else in it: then words cannot be encoded apart.
bool has_space_inside(std::string_view bytes);
// Pre-tokens that are runs of spaces with what follows up to the next space or, without
// `at_spaces`, whole windows.
std::unique_ptr<PreTokenizer> space_pre_tokenizer(bool at_spaces);

}  // namespace memagent
