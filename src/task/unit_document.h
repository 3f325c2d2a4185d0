// Lays out a document made of units of filler (sentences, paragraphs, list items) with pieces that
// matter inserted between them, to an exact token count, and streams it.
//
// Two passes: plan_units() generates the document once through the tokenizer, finds how many units
// fit and where every insert stands; open_units() generates it again from the plan without one.
// Neither holds more than one unit. Knows nothing about tasks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memagent/document.h"
#include "memagent/tokenizer.h"

namespace memagent {

// Filler: unit i is a pure function of i. Called from any number of threads at once.
class UnitText {
 public:
  virtual ~UnitText() = default;
  // Appends unit `index`, separators included.
  virtual void append(std::int64_t index, std::string& out) const = 0;
  // Appends units [begin, end). For those that are made faster several at a time.
  virtual void append_run(std::int64_t begin, std::int64_t end, std::string& out) const {
    for (std::int64_t index = begin; index < end; ++index) append(index, out);
  }
  // Units there are, -1: as many as wanted.
  virtual std::int64_t size() const { return -1; }
};

struct Insert {
  // In [0, 1]: before it stands this share of the filler, in tokens where they are the limit, else
  // in units.
  double depth = 0;
  std::string text;  // separators included
};

struct UnitDocument {
  std::shared_ptr<const UnitText> units;
  std::int64_t num_units = 0;
  struct Placed {
    std::int64_t before_unit = 0;
    std::int64_t byte_begin = 0;   // in the document
    std::int64_t token_begin = 0;  // tokens before it, but for a last few that may yet join others
    std::string text;
  };
  std::vector<Placed> inserts;  // in document order; `origin[i]` is its place in the plan's input
  std::vector<std::size_t> origin;
  std::string head;  // before everything (a heading, an instruction); may be empty
  std::string tail;
  std::int64_t tokens = 0;  // of the whole document as one text
  std::int64_t bytes = 0;

  // Where insert `input` of the plan's input stands.
  const Placed& placed(std::size_t input) const;
};

struct UnitLimits {
  std::int64_t tokens = 0;     // at most this many tokens in all, or
  std::int64_t num_units = 0;  // exactly this many units of filler
};

// Of limits.tokens there is less than one unit left over, unless the units run out before; then the
// document has all of them. Throws Error(kUsage) if the inserts alone do not fit, naming the fewest
// tokens that would.
std::shared_ptr<const UnitDocument> plan_units(std::shared_ptr<const UnitText> units,
                                               std::vector<Insert> inserts, std::string head,
                                               std::string tail, const UnitLimits& limits,
                                               const Tokenizer& tokenizer);
std::unique_ptr<DocumentSource> open_units(std::shared_ptr<const UnitDocument> document,
                                           std::string name);

}  // namespace memagent
