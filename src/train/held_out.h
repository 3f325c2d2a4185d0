// Whole episodes on rows that nothing is learnt from, while a run goes on: what `memagent eval`
// would say of the weights, by length of the document.
//
// The same rows every time, of the test split, read greedily through Episode and engine. Knows
// nothing of losses, and changes nothing that training depends on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memagent/language_model.h"
#include "train/data_parallel.h"
#include "train/recipe.h"
#include "train/rollout.h"
#include "train/rollout_metrics.h"
#include "train/start.h"

namespace memagent {

// Scores by the length that was asked for.
using HeldOutScores = std::map<std::int64_t, Mean>;

class HeldOut {
 public:
  // Documents are read `passes` times. Throws Error(kBadInput) for sections that the network cannot
  // hold, and where only questions are drawn that are longer than a reader has room for.
  HeldOut(const HeldOutConfig& config, std::uint64_t seed, std::int64_t section_tokens,
          std::int32_t passes, const Start& start);

  // After this step of the run, of which 0 is its beginning.
  bool due(std::int64_t step) const { return config_.steps > 0 && step % config_.steps == 0; }
  // Processes share the rows out; every one gets all scores.
  HeldOutScores scores(LanguageModel& model, const DataParallelGroup& group) const;

 private:
  // A row at one of the lengths, and the seed it is read with.
  RolloutQuestion question(std::int64_t row, std::int64_t document_tokens) const;

  HeldOutConfig config_;
  std::uint64_t seed_;
  EpisodeConfig episode_;
  std::shared_ptr<const PromptRenderer> renderer_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::shared_ptr<const Task>> tasks_;
};

// {"512": 0.75, ...}: what a log line holds.
std::string to_json(const HeldOutScores& scores);

}  // namespace memagent
