// Conversations side by side in one batch, without padding, and what each token may attend to.
//
// A segment is a run of tokens that attends to itself causally. It may go on from an earlier
// segment, its parent, all of which it sees: several questions on one section, or several samples
// of one prompt, then share the work on what they have in common, forwards and backwards. Segments
// of different conversations never attend to one another.
//
//     tokens    s s s s s s | q a a | q a | s s s | q a a a
//     segment   0           | 1     | 2   | 3     | 4
//     parent    -           | 0     | 0   | -     | 3
//     position  0 1 2 3 4 5 | 6 7 8 | 6 7 | 0 1 2 | 3 4 5 6
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace memagent {

struct Segment {
  std::int64_t begin = 0;  // tokens of the batch [begin, end)
  std::int64_t end = 0;
  std::int64_t parent = -1;  // index of an earlier segment that has no parent itself; -1: none
};

struct PackedBatch {
  std::vector<std::int64_t> tokens;     // [num_tokens]
  std::vector<std::int64_t> positions;  // [num_tokens] of the rotary embedding
  std::vector<Segment> segments;        // one after another, children right behind their parent
  // What is learnt: the network's output at token `rows[i]` of the batch says `targets[i]` next.
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> targets;

  std::int64_t num_tokens() const { return static_cast<std::int64_t>(tokens.size()); }
  // Appends a segment; returns its index. A segment with a parent must come before any other root.
  std::int64_t add(std::span<const std::int32_t> ids, std::int64_t parent = -1);
  // The tokens [first, last) of segment `index`, counted from its begin, are learnt. Token 0 of a
  // segment is predicted by the last one of its parent, so `first` is at least 1 without one.
  void learn(std::int64_t index, std::int64_t first, std::int64_t last);
};

}  // namespace memagent
