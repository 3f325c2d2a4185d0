// The supervised warm start: imitates the ideal reader on lessons that are never repeated, stage by
// stage of the recipe's curriculum.
//
//   loss = -sum_i w_i log p(token_i) / sum_i w_i
//
// over all learnt tokens of a step. Since every lesson is new, the share of replies that are right
// before the step learns from them is an honest measure of how far the run is; a reply counts as
// right if every token of it has more than half of the probability, which implies that greedy
// decoding says it; in stages that select (selection.h), if greedy decoding says it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "train/held_out.h"
#include "train/lessons.h"
#include "train/recipe.h"
#include "train/run_options.h"

namespace memagent {

// Recent replies, older ones counting less and less.
struct RecentReplies {
  double right = 0;
  double count = 0;
  double share() const { return count > 0 ? right / count : 0; }
};

struct SftStep {
  std::int64_t step = 0;
  std::size_t stage = 0;
  std::int64_t stage_tokens = 0;  // of this stage so far
  std::int64_t tokens = 0;        // of the run so far, shared sections counted once
  std::int64_t total_tokens = 0;  // of all stages, were each to run its course
  double loss = 0;
  double rate = 0;
  double gradient_norm = 0;
  bool skipped = false;
  double seconds = 0;                                // of this step
  std::array<RecentReplies, kNumReplyKinds> recent;  // by ReplyKind
  HeldOutScores held_out;                            // empty at most steps
};

// Until the last stage is over. Then model.gguf holds the weights (their average where the recipe
// keeps one).
void train_sft(const SftRecipe& recipe, const RunOptions& options,
               const std::function<void(const SftStep&)>& on_step);

}  // namespace memagent
