// What a recipe's numbers may be, and which go together, as far as the file itself tells: lines
// like "FILE: line 7: optimizer.beta1 must be from 0 to below 1" (Error(kBadInput)). What depends
// on the network or on prompts is checked where those are known.
#pragma once

#include <cstdint>
#include <vector>

#include "format/toml_table.h"
#include "train/recipe.h"

namespace memagent {

void check_at_least(TomlTable& table, const char* key, std::int64_t value, std::int64_t least);
// Two lengths, the shorter first.
void check_range(TomlTable& table, const char* key, const std::vector<std::int64_t>& range);
void check_share(TomlTable& table, const char* key, double share);

void check_network(TomlTable& table, const NetworkConfig& config);
void check_reading(TomlTable& table, const ReadingConfig& config);
void check_adapter(TomlTable& table, const AdapterConfig& config);
void check_optimizer(TomlTable& table, const OptimizerConfig& config);
void check_held_out(TomlTable& table, const HeldOutConfig& config);
void check_stage(TomlTable& table, const Stage& stage);
// Of the recipe's own keys; `root` is the whole file.
void check_rollouts(TomlTable& root, const RlRecipe& recipe);
// Step rewards are given where they are asked for, and only there.
void check_rewards(TomlTable& advantage, TomlTable& step_reward, const RlRecipe& recipe);
void check_loss(TomlTable& loss, const PolicyLossOptions& options);

}  // namespace memagent
