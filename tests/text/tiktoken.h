// tiktoken's npm package as a peer: its vocabularies and what it makes of a text, through
// tests/npm/tiktoken.mjs and Node.js.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/tokenizer.h"
#include "text/vocabulary.h"

namespace memagent {

// True if Node.js and tests/npm/node_modules are there (`make test` installs them).
bool have_tiktoken();
// `encoding`: "gpt2" or "cl100k_base". Ranks have no merges; they are found by merging each token
// with the ranks below its own, which leaves the two halves it is made of.
Vocabulary tiktoken_vocabulary(const std::string& encoding, const std::string& pre_tokenizer);
std::vector<TokenId> tiktoken_encode(const std::string& encoding, std::string_view text);

// Bytes in the printable alphabet of byte-level vocabularies, written here from its definition.
std::string in_byte_alphabet(std::string_view bytes);

}  // namespace memagent
