// Learns a byte-level BPE vocabulary from text.
//
// The corpus is fed in pieces of any size and kept as counts of distinct pre-tokens; then the most
// frequent adjacent pair is merged until the vocabulary is full (Sennrich, Haddow, Birch, 2016).
// The same text and options give the same vocabulary, however the text is cut: of pairs with equal
// counts the one whose ids are lower is merged first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace memagent {

struct BpeTrainerOptions {
  // All ids: 256 bytes, merges, special tokens. Fewer come out if the text has too few pairs.
  std::int32_t vocab_size = 8192;
  // At the end of the vocabulary, in this order.
  std::vector<std::string> special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  // A name of pre_tokenizer.h. "llama-bpe" keeps up to three digits together, "qwen2" one, "gpt-2"
  // any number.
  std::string pre_tokenizer = "llama-bpe";
  std::int64_t min_count = 2;         // a pair seen less often is not merged
  std::int32_t max_token_bytes = 32;  // a longer token is not made
};

class BpeTrainer {
 public:
  // Throws Error(kUsage) for options that cannot be carried out.
  explicit BpeTrainer(BpeTrainerOptions options);
  ~BpeTrainer();

  // Invalid UTF-8 is repaired. `end_document` ends a document: no pre-token reaches over it.
  void feed(std::string_view bytes);
  void end_document();
  // Merges. The trainer is empty afterwards.
  Vocabulary train();

  std::int64_t bytes() const;  // fed so far, repaired

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memagent
