// A byte-level vocabulary made from nothing but a size, for models with random weights.
#pragma once

#include <cstdint>
#include <string>

#include "text/vocabulary.h"

namespace memagent {

// The smallest vocabulary there can be: all bytes and the three special tokens.
constexpr std::int32_t kLeastVocabSize = 256 + 3;

// `size` tokens: the 256 bytes, then tokens merged from common English words and, when those are
// used up, from made-up ones, then <|endoftext|>, <|im_start|> and <|im_end|>. Smaller vocabularies
// hold the first merges of larger ones. Throws Error(kUsage) if `size` is below kLeastVocabSize.
Vocabulary generate_vocabulary(std::int32_t size, const std::string& pre_tokenizer = "qwen2");

// The chat template that goes with those special tokens.
extern const char* const kChatMlTemplate;

}  // namespace memagent
