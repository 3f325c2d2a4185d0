#include "train/recipe_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace memagent {
namespace {

// Also false for a number that is none.
void check_finite_at_least(TomlTable& table, const char* key, double value, double least) {
  if (!(value >= least) || !std::isfinite(value)) {
    table.fail_at(key, fmt::format("must be at least {}", least));
  }
}

void check_more_than_0(TomlTable& table, const char* key, double value) {
  if (!(value > 0) || !std::isfinite(value)) table.fail_at(key, "must be more than 0");
}

void check_below_1(TomlTable& table, const char* key, double value) {
  if (!(value >= 0 && value < 1)) table.fail_at(key, "must be from 0 to below 1");
}

}  // namespace

void check_at_least(TomlTable& table, const char* key, std::int64_t value, std::int64_t least) {
  if (value < least) table.fail_at(key, fmt::format("must be at least {}", least));
}

void check_range(TomlTable& table, const char* key, const std::vector<std::int64_t>& range) {
  if (range.size() != 2 || range[0] < 1 || range[1] < range[0]) {
    table.fail_at(key, "must be two lengths, the shorter first");
  }
}

void check_share(TomlTable& table, const char* key, double share) {
  if (!(share >= 0 && share <= 1)) table.fail_at(key, "must be from 0 to 1");
}

void check_network(TomlTable& table, const NetworkConfig& config) {
  for (const std::string& key : table.keys()) {
    if (key == "more_layers" || key == "times_as_wide") {
      check_at_least(table, "more_layers", config.more_layers, 0);
      if (config.times_as_wide < 1 || config.times_as_wide > 16) {
        table.fail_at("times_as_wide", "must be from 1 to 16");
      }
      if (config.weights.empty()) table.fail_at(key, "needs network.weights");
      continue;
    }
    if (config.weights.empty() || key == "weights" || key == "tokenizer") continue;
    table.fail_at(key, "and network.weights: weights bring their own shape, leave it out");
  }
  if (config.weights.empty() == config.tokenizer.empty()) {
    table.fail_at("tokenizer", "and network.weights: give one of the two");
  }
  check_at_least(table, "num_layers", config.num_layers, 1);
  check_at_least(table, "model_dim", config.model_dim, 1);
  check_at_least(table, "num_heads", config.num_heads, 1);
  check_at_least(table, "num_kv_heads", config.num_kv_heads, 1);
  check_at_least(table, "head_dim", config.head_dim, 1);
  check_at_least(table, "ffn_dim", config.ffn_dim, 1);
  check_at_least(table, "context_tokens", config.context_tokens, 1);
  check_finite_at_least(table, "rope_theta", config.rope_theta, 1);
  if (config.num_heads % config.num_kv_heads != 0) {
    table.fail_at("num_kv_heads", fmt::format("is {}: {} heads cannot share them evenly",
                                              config.num_kv_heads, config.num_heads));
  }
  if (config.head_dim % 2 != 0)
    table.fail_at("head_dim", "must be even: rotary angles are of pairs");
}

void check_reading(TomlTable& table, const ReadingConfig& config) {
  check_at_least(table, "section_tokens", config.section_tokens, 0);
  check_at_least(table, "question_tokens", config.question_tokens, 1);
  check_at_least(table, "memory_tokens", config.memory_tokens, 1);
  check_at_least(table, "output_tokens", config.output_tokens, 1);
}

void check_adapter(TomlTable& table, const AdapterConfig& config) {
  if (config.rank < 0) table.fail_at("rank", "must be 0 (none) or more");
  check_more_than_0(table, "alpha", config.alpha);
  const std::vector<std::string>& known = adaptable_matrices();
  for (const std::string& name : config.matrices) {
    if (std::ranges::find(known, name) == known.end()) {
      table.fail_at("matrices",
                    fmt::format("has '{}': choose of {}", name, fmt::join(known, ", ")));
    }
  }
  if (config.rank > 0 && config.matrices.empty()) table.fail_at("matrices", "has none: name one");
}

void check_optimizer(TomlTable& table, const OptimizerConfig& config) {
  check_more_than_0(table, "learning_rate", config.learning_rate);
  check_at_least(table, "warmup_steps", config.warmup_steps, 0);
  check_share(table, "final_share", config.final_share);
  check_below_1(table, "beta1", config.beta1);
  check_below_1(table, "beta2", config.beta2);
  check_more_than_0(table, "epsilon", config.epsilon);
  check_finite_at_least(table, "weight_decay", config.weight_decay, 0);
  check_finite_at_least(table, "clip_norm", config.clip_norm, 0);
  check_below_1(table, "average", config.average);
  check_at_least(table, "most_skipped", config.most_skipped, 1);
}

void check_held_out(TomlTable& table, const HeldOutConfig& config) {
  check_at_least(table, "steps", config.steps, 0);
  if (config.steps == 0) return;
  if (config.tasks.empty()) table.fail_at("tasks", "has none: name at least one");
  check_at_least(table, "rows", config.rows, 1);
  const auto& lengths = config.document_tokens;
  if (lengths.empty() || std::ranges::min(lengths) < 1) {
    table.fail_at("document_tokens", "must be lengths of at least 1");
  }
}

void check_stage(TomlTable& table, const Stage& stage) {
  check_range(table, "section_tokens", stage.section_tokens);
  check_range(table, "document_tokens", stage.document_tokens);
  check_at_least(table, "tokens", stage.tokens, 1);
  check_at_least(table, "replies_per_section", stage.replies_per_section, 1);
  check_more_than_0(table, "until", stage.until);
  check_finite_at_least(table, "keeps_per_update", stage.keeps_per_update, 0);
  check_finite_at_least(table, "section_weight", stage.section_weight, 0);
  check_share(table, "absent", stage.absent);
  check_share(table, "strangers", stage.strangers);
  check_share(table, "again", stage.again);
  check_share(table, "outsiders", stage.outsiders);
  check_share(table, "clutter", stage.clutter);
  check_share(table, "crowded", stage.crowded);
  check_share(table, "misnoted", stage.misnoted);
  check_share(table, "unfinished", stage.unfinished);
  check_share(table, "slips", stage.slips);
  check_below_1(table, "sure", stage.sure);
  check_share(table, "keep_sure", stage.keep_sure);
}

void check_rollouts(TomlTable& root, const RlRecipe& recipe) {
  check_at_least(root, "steps", recipe.steps, 1);
  check_at_least(root, "questions", recipe.questions, 1);
  if (recipe.group < 2) root.fail_at("group", "must be at least 2: one alone has no advantage");
  check_at_least(root, "mini_batches", recipe.mini_batches, 1);
  if (recipe.mini_batches > recipe.questions) {
    root.fail_at("mini_batches",
                 fmt::format("is more than the {} questions that a step has", recipe.questions));
  }
  check_at_least(root, "resample", recipe.resample, 0);
  const std::int32_t budget = std::min(recipe.reading.memory_tokens, recipe.reading.output_tokens);
  if (recipe.overlong_tokens < 0 || recipe.overlong_tokens > budget) {
    root.fail_at("overlong_tokens",
                 fmt::format("must be from 0 to {}, the smaller of reading.memory_tokens and "
                             "reading.output_tokens",
                             budget));
  }
  check_below_1(root, "sure", recipe.sure);
  if (recipe.sure > 0 && (recipe.loss.kl > 0 || recipe.loss.entropy > 0)) {
    root.fail_at("sure",
                 "leaves out replies that loss.kl and loss.entropy are taken over: set it "
                 "or both of them to 0");
  }
  check_at_least(root, "rollout_cache_gb", recipe.rollout_cache_gb, 1);
  if (!(recipe.temperature > 0) || !std::isfinite(recipe.temperature)) {
    root.fail_at("temperature", "must be more than 0: equal trajectories have no advantage");
  }
  if (recipe.overlap && recipe.loss.importance_cap == 0) {
    root.fail_at("overlap", "needs loss.importance_cap, which mends that rollouts are stale");
  }
}

void check_rewards(TomlTable& advantage, TomlTable& step_reward, const RlRecipe& recipe) {
  const AdvantageOptions& options = recipe.advantage;
  check_finite_at_least(advantage, "own_weight", options.own_weight, 0);
  if (options.own_weight > 0 && options.credit == Credit::kOwn) {
    advantage.fail_at("own_weight",
                      "adds to the answer's advantage, which credit 'own' leaves out");
  }
  if (options.own_weight > 0 && options.credit == Credit::kAnswer) {
    advantage.fail_at("own_weight", "rewards updates, which credit 'answer' leaves out");
  }
  if (options.credit == Credit::kOwn && recipe.overlong_tokens > 0) {
    advantage.fail_at("credit",
                      "'own' leaves out the trajectory's reward, which overlong_tokens lowers: "
                      "set that to 0");
  }
  const bool counts = options.own_weight > 0 || options.credit == Credit::kOwn;
  if (counts && !any(recipe.step_reward)) {
    advantage.fail_at(options.credit == Credit::kOwn ? "credit" : "own_weight",
                      "needs step rewards: give [step_reward] at least one");
  }
  if (!counts && any(recipe.step_reward)) {
    advantage.fail_at("own_weight", "is 0: [step_reward] would do nothing");
  }
  if (options.same_prompt && recipe.reading.policy != Policy::kGated) {
    advantage.fail_at("same_prompt",
                      "needs the policy 'gated': overwritten memories are hardly ever equal");
  }
  if (recipe.step_reward.exit != 0 && recipe.reading.policy != Policy::kGated) {
    step_reward.fail_at("exit", "needs the policy 'gated': no other can stop reading");
  }
}

void check_loss(TomlTable& loss, const PolicyLossOptions& options) {
  if (!(options.clip_low > 0 && options.clip_low <= 1)) {
    loss.fail_at("clip_low", "must be more than 0 and at most 1");
  }
  check_more_than_0(loss, "clip_high", options.clip_high);
  check_finite_at_least(loss, "kl", options.kl, 0);
  check_finite_at_least(loss, "entropy", options.entropy, 0);
  if (!(options.importance_cap == 0 || options.importance_cap >= 1)) {
    loss.fail_at("importance_cap", "must be 0 (off) or at least 1");
  }
}

}  // namespace memagent
