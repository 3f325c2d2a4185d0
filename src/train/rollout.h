// Rolls trajectories out: every question G times, over its own document, with the Episode and the
// Runner that answer and evaluate, and scores each by its answer alone.
//
// The draws of a trajectory are a function of (its question's seed, trajectory); which others are
// in flight does not matter. Knows nothing of networks, losses or weights: the LanguageModel
// samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memagent/episode.h"
#include "task/task.h"
#include "task/verifier.h"

namespace memagent {

struct RolloutOptions {
  EpisodeConfig episode;  // sampling's temperature as rolled out; keep_prompts, logprobs implied
  Cut cut = Cut::kNatural;
  std::int64_t group = 16;  // G
  VerifierOptions verifier;
  std::int32_t max_in_flight = 0;           // 0: what the model can take
  const std::atomic<bool>* stop = nullptr;  // set: throws Error(kInterrupted)
};

struct RolledOut {
  Trajectory trajectory;
  double reward = 0;    // of the verifier, in [0, 1]
  bool failed = false;  // a generation failed for good: reward 0
  std::int64_t memory_changes = 0;
  std::int64_t updates = 0;
  std::int64_t malformed = 0;
  std::int64_t truncated = 0;
  bool stopped_early = false;
  std::int64_t generated_tokens = 0;
};

struct Group {
  Row row;
  std::vector<RolledOut> trajectories;  // G of them
  std::vector<double> rewards() const;
};

// One question to roll out: `seed` is that of its trajectories' draws.
struct RolloutQuestion {
  std::shared_ptr<const Sample> sample;
  std::uint64_t seed = 0;
};

// One group per question, in their order. Throws what a model or a document throws that cannot be
// used at all.
std::vector<Group> roll_out(LanguageModel& model,
                            const std::shared_ptr<const PromptRenderer>& renderer,
                            const std::vector<RolloutQuestion>& questions,
                            const RolloutOptions& options);

}  // namespace memagent
