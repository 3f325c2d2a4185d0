// Trajectories as packed batches: what the policy is trained on is what was sampled, token for
// token.
//
// Conversations of a group about the same section begin with the same tokens (with section-first
// the section, and the question too): that beginning is one segment, and each conversation a child
// of it, so that a section costs once for a group and not G times, forwards and backwards.
//
//     group of 3, section 7     | section, question | memory reply | memory reply | memory reply |
//     advantage                 |         -         |      A_0     |      A_1     |      A_2     |
//
// Trajectories that agree so far hold the same conversations: most sections change nothing, and all
// of a group say so. Where a batch is learnt from once, at ratios of 1 and with neither KL nor
// entropy, such conversations teach what one with the sum of their advantages does, and nothing
// where the sum is zero, as it is where a whole group agrees: `merge_equal` trains on one, or none.
//
// The logarithm of a probability p grows by a gradient no longer than sqrt(2) (1 - p) at the
// logits, so that a reply of which every token was all but certain teaches next to nothing,
// whatever came of its trajectory: with `sure` such replies are left out. Most replies are: that a
// section has nothing for the memory, from memories that differ, so that they are not equal.
//
// Learnt are the sampled tokens alone, the end token included where one was sampled; lengths are
// carried along, never told from ids.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/packed_batch.h"
#include "train/rollout.h"

namespace memagent {

struct PolicyBatch {
  PackedBatch packed;
  std::vector<float> advantages;  // [rows]
  std::vector<float> rollout;     // [rows] log-probabilities when sampled
  // Of all conversations that the loss is of, those merged into others, those that cancel out and
  // those left out as sure as well: what a mean over sampled tokens is divided by. Not of updates
  // with `answer_only`, whose loss, KL and entropy are the answers' alone.
  std::int64_t sampled_tokens = 0;
};

struct PackOptions {
  std::int64_t batch_tokens = 8192;  // of one batch, unless a single conversation has more
  bool answer_only = false;          // Credit::kAnswer: updates are left out
  bool merge_equal = false;          // equal conversations are trained on once, if at all
  double sure = 0;                   // with every token more probable than this: left out; 0: none
};

// Appends a group's conversations to `batches`, the last of which is filled up first; where those
// of one section are too many for a batch, their beginning is in each that has some of them. If all
// of them cancel out, their tokens are counted all the same. `advantages`:
// [trajectory][conversation]. Conversations that failed, and those without a response, teach
// nothing.
void pack_group(const Group& group, std::span<const std::vector<double>> advantages,
                const PackOptions& options, std::vector<PolicyBatch>& batches);

}  // namespace memagent
