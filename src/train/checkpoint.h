// A run's weights and optimizer on disk, so that a run that was killed goes on bit for bit.
//
// One safetensors file: every parameter under its name, every tensor of Optimizer::state(), float32
// or as they are; the metadata key "memagent" holds the run's own state as JSON, with the number of
// optimizer steps. Files are written whole or not at all, and the one before is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/data_parallel.h"
#include "train/optimizer.h"
#include "train/policy_network.h"

namespace memagent {

// Throws Error(kModel) for weights that are not finite, which must not take the place of any file.
void refuse_if_not_finite(const PolicyNetwork& network);

// `more`: tensors of the run's own, which are copied into when it goes on.
//
// Into `folder`, which must be there. The checkpoint before, if it is whole, becomes
// checkpoint-before.safetensors. Throws Error(kModel) for numbers that are not finite, and then
// leaves everything as it is.
void write_checkpoint(const std::string& folder, const PolicyNetwork& network,
                      const Optimizer& optimizer, const std::string& state_json,
                      const std::vector<Optimizer::Named>& more = {});

struct RestoredCheckpoint {
  std::string state_json;
  std::string warning;  // why the last one was passed over; empty if it was not
};
// Nothing if the folder has none. Throws Error(kBadInput) if neither file can be used.
std::optional<RestoredCheckpoint> read_checkpoint(const std::string& folder, PolicyNetwork& network,
                                                  Optimizer& optimizer,
                                                  const std::vector<Optimizer::Named>& more = {});
// Processes that train together must go on from the same one: throws Error(kUsage) if theirs
// differ, as they do where their folder is not on a disk that all of them see.
void refuse_other_checkpoints(const std::optional<RestoredCheckpoint>& restored,
                              const DataParallelGroup& group);

}  // namespace memagent
