// The vocabulary of a GGUF file, from its metadata and into it.
//
// Checks that each key has the type it should have and that the lists fit together in length;
// whether the vocabulary makes sense is for make_tokenizer().
#pragma once

#include <string>

#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "text/vocabulary.h"

namespace memagent {

// True if the file has tokenizer.ggml.tokens.
bool has_vocabulary(const Gguf& gguf);
// Reads the tokenizer.ggml.* keys. `path` begins messages. Throws Error(kBadInput).
Vocabulary read_gguf_vocabulary(const Gguf& gguf, const std::string& path);
void write_gguf_vocabulary(const Vocabulary& vocabulary, GgufWriter& writer);

}  // namespace memagent
