#include "train/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <type_traits>

#include "base/fail.h"
#include "format/toml_table.h"
#include "model/local/shipped_model.h"
#include "task/registry.h"
#include "train/recipe_keys.h"

namespace memagent {
namespace {

constexpr const char* kSee = "docs/training.md";

// Reads every field that the table has.
struct ReadFields {
  TomlTable& table;

  template <typename T>
  void operator()(const char* key, T& value, const char*) {
    if constexpr (std::is_enum_v<T>) {
      std::string word;
      if (!table.read_if_there(key, word)) return;
      std::string choices;
      for (const auto& [each, name] : Words<T>::kAll) {
        if (word == name) {
          value = each;
          return;
        }
        choices += choices.empty() ? "" : ", ";
        choices += name;
      }
      table.fail_at(key, fmt::format("is '{}': choose one of {}", word, choices));
    } else {
      table.read_if_there(key, value);
    }
  }
};

struct PathIsRelativeTo {
  std::filesystem::path folder;
  void operator()(std::string& path) const {
    if (!path.empty() && !is_shipped_model(path))
      path = (folder / path).lexically_normal().string();
  }
};

void check_range(TomlTable& table, const char* key, const std::vector<std::int64_t>& range) {
  if (range.size() != 2 || range[0] < 1 || range[1] < range[0]) {
    table.fail_at(key, "must be two lengths, the shorter first");
  }
}

void check_share(TomlTable& table, const char* key, double share) {
  if (!(share >= 0 && share <= 1)) table.fail_at(key, "must be from 0 to 1");
}

// `others`: names that stand for something else than a task here.
void read_tasks(TomlTable table, std::vector<TaskWeight>& tasks,
                const std::vector<std::string>& others = {}) {
  const std::vector<std::string> names = task_names();
  const auto known = [&](const std::string& name) {
    return std::ranges::find(names, name) != names.end() ||
           std::ranges::find(others, name) != others.end();
  };
  for (const std::string& name : table.keys()) {
    TaskWeight task{name, 0};
    if (!known(name)) {
      table.fail_at(name, fmt::format("is no task: choose of {}", fmt::join(task_names(), ", ")));
    }
    table.read(name, task.weight);
    if (!(task.weight > 0)) table.fail_at(name, "must be more than 0");
    tasks.push_back(std::move(task));
  }
}

Stage read_stage(TomlTable table) {
  Stage stage;
  describe(ReadFields{table}, stage);
  stage.where = table.place("section_tokens");
  check_range(table, "section_tokens", stage.section_tokens);
  check_range(table, "document_tokens", stage.document_tokens);
  if (stage.tokens < 1) table.fail_at("tokens", "must be at least 1");
  if (stage.replies_per_section < 1) table.fail_at("replies_per_section", "must be at least 1");
  check_share(table, "absent", stage.absent);
  check_share(table, "strangers", stage.strangers);
  check_share(table, "again", stage.again);
  check_share(table, "outsiders", stage.outsiders);
  check_share(table, "clutter", stage.clutter);
  check_share(table, "misnoted", stage.misnoted);
  check_share(table, "unfinished", stage.unfinished);
  check_share(table, "slips", stage.slips);
  if (stage.sure < 0 || stage.sure >= 1) table.fail_at("sure", "must be from 0 to below 1");
  check_share(table, "keep_sure", stage.keep_sure);
  read_tasks(table.table("tasks"), stage.tasks, {kTextTasks.begin(), kTextTasks.end()});
  if (stage.tasks.empty()) table.fail_at("tasks", "has none: name at least one");
  if (stage.outsiders > 0 || table.has("outside")) {
    read_tasks(table.table("outside"), stage.outside, {kStrayTask});
    if (stage.outside.empty()) table.fail_at("outside", "has none: name at least one");
  }
  return stage;
}

void read_held_out(TomlTable table, HeldOutConfig& config) {
  describe(ReadFields{table}, config);
  read_tasks(table.table("tasks"), config.tasks);
  if (config.steps <= 0) return;
  if (config.tasks.empty()) table.fail_at("tasks", "has none: name at least one");
  if (config.rows < 1) table.fail_at("rows", "must be at least 1");
  const auto& lengths = config.document_tokens;
  if (lengths.empty() || std::ranges::min(lengths) < 1) {
    table.fail_at("document_tokens", "must be lengths of at least 1");
  }
}

void check_adapter(TomlTable& table, const AdapterConfig& config) {
  if (config.rank < 0) table.fail_at("rank", "must be 0 (none) or more");
  if (!(config.alpha > 0)) table.fail_at("alpha", "must be more than 0");
  const std::vector<std::string>& known = adaptable_matrices();
  for (const std::string& name : config.matrices) {
    if (std::ranges::find(known, name) == known.end()) {
      table.fail_at("matrices",
                    fmt::format("has '{}': choose of {}", name, fmt::join(known, ", ")));
    }
  }
  if (config.rank > 0 && config.matrices.empty()) table.fail_at("matrices", "has none: name one");
}

// What every recipe has, besides its own keys.
template <typename Recipe>
void read_common(TomlTable& root, Recipe& recipe, const std::string& path) {
  describe(ReadFields{root}, recipe);
  if (!is_device_name(recipe.machine.device)) {
    root.fail_at("device",
                 fmt::format("is '{}': choose cpu, cuda or cuda:N", recipe.machine.device));
  }
  TomlTable network = root.table("network");
  describe(ReadFields{network}, recipe.network);
  TomlTable reading = root.table("reading");
  describe(ReadFields{reading}, recipe.reading);
  TomlTable adapter = root.table("adapter");
  describe(ReadFields{adapter}, recipe.adapter);
  check_adapter(adapter, recipe.adapter);
  TomlTable optimizer = root.table("optimizer");
  describe(ReadFields{optimizer}, recipe.optimizer);
  read_held_out(root.table("held_out"), recipe.held_out);
  for (const std::string& key : network.keys()) {
    if (key == "more_layers" || key == "times_as_wide") {
      const NetworkConfig& grown = recipe.network;
      if (grown.more_layers < 0) network.fail_at("more_layers", "must be at least 0");
      if (grown.times_as_wide < 1 || grown.times_as_wide > 16) {
        network.fail_at("times_as_wide", "must be from 1 to 16");
      }
      if (recipe.network.weights.empty()) network.fail_at(key, "needs network.weights");
      continue;
    }
    if (recipe.network.weights.empty() || key == "weights" || key == "tokenizer") continue;
    network.fail_at(key, "and network.weights: weights bring their own shape, leave it out");
  }
  if (recipe.network.weights.empty() == recipe.network.tokenizer.empty()) {
    network.fail_at("tokenizer", "and network.weights: give one of the two");
  }
  const PathIsRelativeTo relative{std::filesystem::path(path).parent_path()};
  relative(recipe.network.weights);
  relative(recipe.network.tokenizer);
  relative(recipe.reading.prompts);
}

// Step rewards are given where they are asked for, and only there.
void check_rewards(TomlTable& advantage, TomlTable& step_reward, const RlRecipe& recipe) {
  const AdvantageOptions& options = recipe.advantage;
  if (options.own_weight < 0) advantage.fail_at("own_weight", "must be 0 or more");
  if (options.own_weight > 0 && options.credit == Credit::kOwn) {
    advantage.fail_at("own_weight",
                      "adds to the answer's advantage, which credit 'own' leaves out");
  }
  const bool counts = options.own_weight > 0 || options.credit == Credit::kOwn;
  if (counts && !any(recipe.step_reward)) {
    advantage.fail_at(options.credit == Credit::kOwn ? "credit" : "own_weight",
                      "needs step rewards: give [step_reward] at least one");
  }
  if (!counts && any(recipe.step_reward)) {
    advantage.fail_at("own_weight", "is 0: [step_reward] would do nothing");
  }
  if (recipe.step_reward.exit != 0 && recipe.reading.policy != Policy::kGated) {
    step_reward.fail_at("exit", "needs the policy 'gated': no other can stop reading");
  }
}

void check_loss(TomlTable& loss, const PolicyLossOptions& options) {
  if (!(options.clip_low > 0) || options.clip_low > 1) {
    loss.fail_at("clip_low", "must be more than 0 and at most 1");
  }
  if (!(options.clip_high > 0)) loss.fail_at("clip_high", "must be more than 0");
  if (options.kl < 0) loss.fail_at("kl", "must be 0 or more");
  if (options.entropy < 0) loss.fail_at("entropy", "must be 0 or more");
  if (options.importance_cap != 0 && options.importance_cap < 1) {
    loss.fail_at("importance_cap", "must be 0 (off) or at least 1");
  }
}

}  // namespace

EpisodeConfig episode_config(const ReadingConfig& reading) {
  EpisodeConfig config;
  config.policy = reading.policy;
  config.layout = reading.layout;
  config.question_tokens = reading.question_tokens;
  config.memory_tokens = reading.memory_tokens;
  config.output_tokens = reading.output_tokens;
  return config;
}

void check_sections(const ReadingConfig& reading, std::int64_t section_tokens,
                    std::int32_t context_tokens, const PromptRenderer& renderer,
                    const std::string& where) {
  EpisodeConfig longest = episode_config(reading);
  longest.window_tokens = context_tokens;
  longest.section_tokens = static_cast<std::int32_t>(section_tokens);
  try {
    validate(longest, renderer);
  } catch (const Error& error) {
    fail(ErrorKind::kBadInput, "{}: {}", where, error.what());
  }
}

SftRecipe load_sft_recipe(const std::string& path) {
  TomlTable root = TomlTable::load(path, "a recipe", kSee);
  SftRecipe recipe;
  read_common(root, recipe, path);
  for (TomlTable& stage : root.tables("stage")) recipe.stages.push_back(read_stage(stage));
  root.refuse_others();
  if (recipe.batches < 1) root.fail_at("batches", "must be at least 1");
  if (recipe.stages.empty()) {
    fail(ErrorKind::kBadInput, "{}: there is no [[stage]]: see {}", path, kSee);
  }
  return recipe;
}

RlRecipe load_rl_recipe(const std::string& path) {
  TomlTable root = TomlTable::load(path, "a recipe", kSee);
  RlRecipe recipe;
  read_common(root, recipe, path);
  TomlTable advantage = root.table("advantage");
  describe(ReadFields{advantage}, recipe.advantage);
  TomlTable step_reward = root.table("step_reward");
  describe(ReadFields{step_reward}, recipe.step_reward);
  TomlTable loss = root.table("loss");
  describe(ReadFields{loss}, recipe.loss);
  TomlTable from = root.table("questions_from");
  describe(ReadFields{from}, recipe.questions_from);
  recipe.questions_from.where = from.place("section_tokens");
  check_range(from, "section_tokens", recipe.questions_from.section_tokens);
  check_range(from, "document_tokens", recipe.questions_from.document_tokens);
  check_share(from, "clutter", recipe.questions_from.clutter);
  if (recipe.questions_from.passes < 1) from.fail_at("passes", "must be at least 1");
  read_tasks(from.table("tasks"), recipe.questions_from.tasks, {kDataTask});
  QuestionConfig& questions = recipe.questions_from;
  const bool draws_data = std::ranges::any_of(
      questions.tasks, [](const TaskWeight& task) { return task.task == kDataTask; });
  if (draws_data != !questions.data.empty()) {
    from.fail_at("data", "and the task data belong together: give both or neither");
  }
  const PathIsRelativeTo relative{std::filesystem::path(path).parent_path()};
  relative(questions.data);
  relative(questions.distractors);
  root.refuse_others();
  if (recipe.questions_from.tasks.empty()) from.fail_at("tasks", "has none: name at least one");
  if (recipe.group < 2) root.fail_at("group", "must be at least 2: one alone has no advantage");
  if (recipe.questions < 1) root.fail_at("questions", "must be at least 1");
  if (recipe.rollout_cache_gb < 1) root.fail_at("rollout_cache_gb", "must be at least 1");
  if (recipe.machine.device != "cpu" && !root.has("rollouts")) recipe.rollouts = Rollouts::kTorch;
  if (recipe.mini_batches < 1) root.fail_at("mini_batches", "must be at least 1");
  if (!(recipe.temperature > 0)) {
    root.fail_at("temperature", "must be more than 0: equal trajectories have no advantage");
  }
  check_rewards(advantage, step_reward, recipe);
  check_loss(loss, recipe.loss);
  if (recipe.overlap && recipe.loss.importance_cap == 0) {
    root.fail_at("overlap", "needs loss.importance_cap, which mends that rollouts are stale");
  }
  return recipe;
}

}  // namespace memagent
