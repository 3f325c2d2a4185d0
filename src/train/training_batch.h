// Lessons packed into one batch, with what is known of every learnt token: its weight, and the
// reply it belongs to.
#pragma once

#include <cstdint>
#include <vector>

#include "train/lessons.h"
#include "train/packed_batch.h"

namespace memagent {

// Of a lesson, its prefix counted once.
std::int64_t num_tokens(const Lesson& lesson);

struct TrainingBatch {
  // The rows [begin, end) of the packed batch are a reply's.
  struct PackedReply {
    std::size_t task = 0;
    ReplyKind kind = ReplyKind::kKeep;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };
  PackedBatch packed;
  std::vector<float> weights;  // [rows]
  std::vector<PackedReply> replies;

  // `section_weight` is that of the tokens of the lesson's prefix.
  void add(const Lesson& lesson, double section_weight);
};

}  // namespace memagent
