// The document of one row: its own paragraphs among others of the pool, to an exact length. Knows
// nothing about files or questions.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memagent/tokenizer.h"
#include "task/data/paragraph_pool.h"
#include "task/unit_document.h"

namespace memagent::data {

struct PaddingSpec {
  std::shared_ptr<const ParagraphPool> pool;
  std::vector<std::uint32_t> own;         // the row's paragraphs
  std::vector<std::uint32_t> supporting;  // of them, what the answer rests on: always inside
  // At most so many tokens, or exactly so many paragraphs; neither: the row's own alone.
  std::int64_t tokens = 0;
  std::int64_t paragraphs = 0;
  std::uint64_t key = 0;  // of the random draws
  std::string name;       // for messages
};

struct Padded {
  std::shared_ptr<const UnitDocument> document;
  // Of the row's own paragraphs that are shuffled in, by number: where their text begins, in bytes
  // of the document.
  std::map<std::uint32_t, std::int64_t> text_begin;
};

// Where not all of the row's own paragraphs fit, those that support nothing are left to chance like
// any other of the pool. Of the others, none has the title of a supporting one and none comes
// twice. Throws Error(kUsage) where the length is too small for the supporting paragraphs, or more
// than all paragraphs together fill, naming the fewest or the most possible.
Padded pad(const PaddingSpec& spec, const Tokenizer& tokenizer);

}  // namespace memagent::data
