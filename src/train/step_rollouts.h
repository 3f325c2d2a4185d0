// What a step of reinforcement learning learns from: its questions, drawn from the recipe, rolled
// out with whatever weights the model has.
//
// A step's draws are a function of (seed, step, number of its first question). Knows nothing of the
// network that is trained, so that it may work beside an update.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "train/data_parallel.h"
#include "train/recipe.h"
#include "train/rollout.h"
#include "train/rollout_metrics.h"
#include "train/start.h"

namespace memagent {

struct StepRollouts {
  std::vector<Group> groups;          // this process's share of those to learn from
  std::vector<std::int64_t> numbers;  // of their questions, from first_number on
  RolloutMetrics metrics;             // of all that this process rolled out
  std::int64_t next_number = 0;
  double seconds = 0;
};

class StepQuestions {
 public:
  // Both are borrowed. Throws Error(kUsage) for unknown tasks and for sections that the network
  // cannot hold, Error(kBadInput) for a data set that cannot be used.
  StepQuestions(const RlRecipe& recipe, const Start& start, const DataParallelGroup& group);

  // `stop`: set: throws Error(kInterrupted). With several processes each calls it, and where
  // groups are resampled they talk to one another.
  StepRollouts roll_out(LanguageModel& model, std::int64_t step, std::int64_t first_number,
                        const std::atomic<bool>* stop) const;

 private:
  // One that fits the reader.
  std::shared_ptr<const Sample> question(RandomStream& random, std::int64_t number) const;
  std::shared_ptr<const Sample> drawn_question(RandomStream& random, std::int64_t number,
                                               std::uint64_t attempt) const;

  const RlRecipe& recipe_;
  const DataParallelGroup& group_;
  std::shared_ptr<const PromptRenderer> renderer_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::shared_ptr<const Task>> tasks_;
  std::vector<std::shared_ptr<const Task>> cluttered_;  // the same, for QuestionConfig::clutter
};

}  // namespace memagent
