// A Tokenizer whose ids are a server's, by its tokenize endpoint: llama.cpp's form or vLLM's.
//
// The bytes of every id are taken from the server's replies and kept. A reply is only believed if
// the bytes of its tokens, joined, are the text that was sent; so what is counted and cut is always
// the text itself. Every call of encode() waits for the server; any number of threads may call, one
// is served at a time.
//
// Streams send the text in parts of about 16 KiB. A part is cut before the last token that begins
// with a blank and a letter and follows a letter or digit: a place where the pre-tokenizers of
// byte-level vocabularies always split, so the ids are those of the whole text. In text without
// such a place for 64 KiB (Chinese, one repeated letter) the cut is made at any token, and the
// count can differ from the whole text's by a token or two per 64 KiB.
#pragma once

#include <memory>

#include "memagent/tokenizer.h"
#include "model/remote/server.h"

namespace memagent {

// nullptr if no server that answered has a tokenize endpoint of either form whose tokens can be
// trusted. `servers` outlives the tokenizer.
std::shared_ptr<const Tokenizer> server_tokenizer(std::shared_ptr<const ServerSet> servers,
                                                  const RemoteModelOptions& options);

}  // namespace memagent
