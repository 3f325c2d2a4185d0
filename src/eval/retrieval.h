// Retrieval without a model: the chunks of a document that match a question best by BM25, in
// document order.
//
// The index is SQLite's FTS5 in a temporary file of its own, so that memory does not grow with the
// document. Words are compared without case and accents, by their stems (Porter's). Knows nothing
// of prompts or models.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "memagent/document.h"

namespace memagent {

struct RetrievalOptions {
  std::int32_t chunk_tokens = 256;  // at most; cut at natural places
  std::int64_t tokens = 0;          // of all the chunks together with the blank lines between them
};

// Chunks are taken best first as long as they fit; where matches run out before the room does, the
// document's own order goes on. Blank lines stand where something is left out between two.
std::string retrieve(std::unique_ptr<DocumentSource> document,
                     const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view question,
                     const RetrievalOptions& options);

}  // namespace memagent
