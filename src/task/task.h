// A task: an endless supply of rows with their documents, generated or read from a data set.
//
// A sample is a pure function of (task, spec): row 7 is the same alone, in any order, on any
// thread. Its document is streamed, never held: a hundred million tokens cost no more memory than a
// thousand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/document.h"
#include "memagent/tokenizer.h"
#include "task/row.h"

namespace memagent {

// Generated names, numbers and entities of different splits are never the same.
enum class Split { kTrain, kTest };
const char* to_string(Split split);  // "train", "test"

struct SampleSpec {
  // The document has at most this many tokens, and less than one unit of filler (a sentence, a
  // paragraph) fewer. Counted by the tokenizer, not estimated.
  std::int64_t tokens = 0;
  // For tasks made of paragraphs: exactly this many of them instead; 0: go by tokens.
  std::int64_t paragraphs = 0;
  std::uint64_t seed = 0;
  Split split = Split::kTest;
  std::int64_t index = 0;  // of the row, from 0
  // Of tasks about the invented encyclopedia: every paragraph is about something of a kind that the
  // question leads over, a river beside a river. For training: what stands beside a paragraph is
  // what its facts are most easily taken from.
  bool crowded = false;
};

// Reads along with an ideal reader that knows the generator's record of facts: what the best memory
// is after each section, and the best answer. Training imitates it, tests solve tasks with it.
class Oracle {
 public:
  virtual ~Oracle() = default;
  // The next section, in document order: its byte range in the document and its text.
  virtual void read(std::int64_t byte_begin, std::int64_t byte_end, std::string_view text) = 0;
  // What an ideal memory holds now: a few lines; empty while nothing is noted.
  virtual std::string memory() const = 0;
  // True once nothing further in the document can change memory().
  virtual bool complete() const = 0;
  // The answer an ideal reader gives from memory() alone.
  virtual std::string answer() const = 0;
};

// Const once made; document() and oracle() may be called any number of times.
class Sample {
 public:
  virtual ~Sample() = default;
  virtual const Row& row() const = 0;
  // The document's text from its start; can be rewound. Independent of the Sample's life.
  virtual std::unique_ptr<DocumentSource> document() const = 0;
  // Null where no facts are recorded (data sets).
  virtual std::unique_ptr<Oracle> oracle() const = 0;
  // At most `most` other questions that the same document answers, for trainers: one section read
  // then teaches more than once. Which of those there are is drawn from `key`. Holds the document's
  // text meanwhile. None where the task knows of none.
  virtual std::vector<std::unique_ptr<Sample>> siblings([[maybe_unused]] std::int64_t most,
                                                        [[maybe_unused]] std::uint64_t key) const {
    return {};
  }
};

// Immutable; every method may be called from any number of threads at once.
class Task {
 public:
  virtual ~Task() = default;
  virtual const std::string& name() const = 0;
  // One line for help and reports.
  virtual const std::string& description() const = 0;
  // Rows there are; -1: as many as wanted.
  virtual std::int64_t size() const = 0;
  // Fewest tokens of a document of this task under a tokenizer; asking for less is an error.
  virtual std::int64_t fewest_tokens(const Tokenizer& tokenizer) const = 0;
  // Longest answer an ideal reader gives, in tokens, roughly: for output budgets.
  virtual std::int64_t answer_tokens() const = 0;
  // Throws Error(kUsage) for a spec it cannot meet, naming the limit; Error(kBadInput) for a data
  // set's faults, naming file, row and field.
  virtual std::unique_ptr<Sample> sample(
      const SampleSpec& spec, const std::shared_ptr<const Tokenizer>& tokenizer) const = 0;
};

}  // namespace memagent
