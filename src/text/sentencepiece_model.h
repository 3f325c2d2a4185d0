// SentencePiece .model files: a protocol-buffer message (sentencepiece_model.proto).
//
//   ModelProto          1 pieces (repeated), 2 trainer_spec, 3 normalizer_spec
//   SentencePiece       1 piece (string), 2 score (float), 3 type (1 to 6, as TokenType)
//   TrainerSpec         3 model_type (1 unigram, 2 BPE), 40 unk_id, 41 bos_id, 42 eos_id, 43 pad_id
//   NormalizerSpec      2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces
//
// Only these fields are looked at. BPE models become a Vocabulary of kind kSentencePiece, unigram
// models one of kind kUnigram.
#pragma once

#include <string>
#include <string_view>

#include "text/vocabulary.h"

namespace memagent {

// Throws Error(kBadInput); `name` (a file name) begins the message.
Vocabulary parse_sentencepiece_model(std::string_view bytes, const std::string& name);

}  // namespace memagent
