// What BPE and unigram models of SentencePiece share: how pieces are written, and where text can be
// cut without changing its encoding.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>

#include "text/pre_tokenizer.h"
#include "text/vocabulary.h"

namespace memagent {

// The bytes a piece stands for: U+2581 is a space, "<0x0A>" typed as a byte is that byte. Throws
// Error(kBadInput) for a byte piece that does not read so.
std::string sentencepiece_bytes(const Vocabulary& vocabulary, TokenId id);
// The bytes that some token has before a space; text can be cut between any other byte and a space
// without changing its encoding, since no token, and so no merge, reaches over that place.
using SpaceJoins = std::bitset<256>;
void add_space_joins(std::string_view bytes, SpaceJoins& joins);
// Pre-tokens that begin at such spaces.
std::unique_ptr<PreTokenizer> space_pre_tokenizer(SpaceJoins joins);

}  // namespace memagent
