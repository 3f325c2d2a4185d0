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
#include "task/world_tasks.h"
#include "train/recipe_checks.h"
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

// Absolute in the end: a run goes on from wherever it is called.
struct PathIsRelativeTo {
  std::filesystem::path folder;
  void operator()(std::string& path) const {
    if (!path.empty() && !is_shipped_model(path))
      path = std::filesystem::absolute(folder / path).lexically_normal().string();
  }
};

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

// Other tasks' documents have no paragraphs to crowd.
void check_crowded(TomlTable& table, double crowded, const std::vector<TaskWeight>& tasks) {
  if (crowded == 0) return;
  const auto worlds = world_tasks();
  const bool any = std::ranges::any_of(tasks, [&](const TaskWeight& drawn) {
    return std::ranges::any_of(worlds,
                               [&](const auto& world) { return world->name() == drawn.task; });
  });
  if (!any) table.fail_at("crowded", "needs a task of the invented encyclopedia, such as qa_1");
}

// A file and the name that draws from it.
void check_file_of(const char* task, const std::string& file, const char* key, TomlTable& table,
                   const std::vector<TaskWeight>& tasks) {
  const bool drawn =
      std::ranges::any_of(tasks, [&](const TaskWeight& weight) { return weight.task == task; });
  if (drawn == file.empty()) {
    table.fail_at(key, fmt::format("and the task {} belong together: give both or neither", task));
  }
}

// Other tasks' documents have no prose.
void check_haystack(TomlTable& table, const std::string& haystack,
                    const std::vector<TaskWeight>& tasks) {
  if (haystack.empty()) return;
  const auto with_prose = find_tasks({"niah", "alike", "vt", "relay", "reworded"}, {});
  const bool any = std::ranges::any_of(tasks, [&](const TaskWeight& drawn) {
    return std::ranges::any_of(with_prose,
                               [&](const auto& task) { return task->name() == drawn.task; });
  });
  if (!any) table.fail_at("haystack", "needs a task whose documents are prose, such as relay");
}

void check_data(TomlTable& table, const DataConfig& data, const std::vector<TaskWeight>& tasks) {
  check_file_of(kDataTask, data.path, "data", table, tasks);
  if (data.path.empty() && !data.distractors.empty()) {
    table.fail_at("distractors", "pads rows of data: give that, too");
  }
}

Stage read_stage(TomlTable table, const PathIsRelativeTo& relative) {
  Stage stage;
  describe(ReadFields{table}, stage);
  stage.where = table.place("section_tokens");
  check_stage(table, stage);
  read_tasks(table.table("tasks"), stage.tasks, {kTextTasks.begin(), kTextTasks.end()});
  if (stage.tasks.empty()) table.fail_at("tasks", "has none: name at least one");
  check_crowded(table, stage.crowded, stage.tasks);
  check_file_of(kTextTask, stage.text, "text", table, stage.tasks);
  check_haystack(table, stage.haystack, stage.tasks);
  if (stage.outsiders > 0 || table.has("outside")) {
    read_tasks(table.table("outside"), stage.outside, {kStrayTask});
    if (stage.outside.empty()) table.fail_at("outside", "has none: name at least one");
  }
  relative(stage.haystack);
  relative(stage.text);
  return stage;
}

void read_held_out(TomlTable table, HeldOutConfig& config) {
  describe(ReadFields{table}, config);
  read_tasks(table.table("tasks"), config.tasks, {kDataTask});
  check_data(table, config.data, config.tasks);
  config.where = table.place("steps");
  check_held_out(table, config);
}

// What every recipe has, besides its own keys.
template <typename Recipe>
void read_common(TomlTable& root, Recipe& recipe, const std::string& path) {
  describe(ReadFields{root}, recipe);
  check_at_least(root, "batch_tokens", recipe.batch_tokens, 1);
  // Beyond what any machine holds a mistyped number would only be noticed when memory is full.
  constexpr std::int64_t kMostBatchTokens = std::int64_t{1} << 24;
  if (recipe.batch_tokens > kMostBatchTokens) {
    root.fail_at("batch_tokens", fmt::format("must be at most {}", kMostBatchTokens));
  }
  check_at_least(root, "checkpoint_minutes", recipe.checkpoint_minutes, 0);
  if (!is_device_name(recipe.machine.device)) {
    root.fail_at("device",
                 fmt::format("is '{}': choose cpu, cuda or cuda:N", recipe.machine.device));
  }
  TomlTable network = root.table("network");
  describe(ReadFields{network}, recipe.network);
  check_network(network, recipe.network);
  TomlTable reading = root.table("reading");
  describe(ReadFields{reading}, recipe.reading);
  check_reading(reading, recipe.reading);
  TomlTable adapter = root.table("adapter");
  describe(ReadFields{adapter}, recipe.adapter);
  check_adapter(adapter, recipe.adapter);
  TomlTable optimizer = root.table("optimizer");
  describe(ReadFields{optimizer}, recipe.optimizer);
  check_optimizer(optimizer, recipe.optimizer);
  read_held_out(root.table("held_out"), recipe.held_out);
  const PathIsRelativeTo relative{std::filesystem::path(path).parent_path()};
  relative(recipe.network.weights);
  relative(recipe.network.tokenizer);
  relative(recipe.reading.prompts);
  relative(recipe.held_out.data.path);
  relative(recipe.held_out.data.distractors);
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
  if (section_tokens > context_tokens) {
    fail(ErrorKind::kBadInput, "{}: a section of {} tokens is more than the network's {}", where,
         section_tokens, context_tokens);
  }
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
  const PathIsRelativeTo relative{std::filesystem::path(path).parent_path()};
  for (TomlTable& stage : root.tables("stage")) {
    recipe.stages.push_back(read_stage(stage, relative));
  }
  root.refuse_others();
  check_at_least(root, "batches", recipe.batches, 1);
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
  check_share(from, "crowded", recipe.questions_from.crowded);
  check_at_least(from, "passes", recipe.questions_from.passes, 1);
  read_tasks(from.table("tasks"), recipe.questions_from.tasks, {kDataTask});
  QuestionConfig& questions = recipe.questions_from;
  check_data(from, questions.data, questions.tasks);
  check_crowded(from, questions.crowded, questions.tasks);
  check_haystack(from, questions.haystack, questions.tasks);
  const PathIsRelativeTo relative{std::filesystem::path(path).parent_path()};
  relative(questions.data.path);
  relative(questions.data.distractors);
  relative(questions.haystack);
  root.refuse_others();
  if (recipe.questions_from.tasks.empty()) from.fail_at("tasks", "has none: name at least one");
  if (recipe.machine.device != "cpu" && !root.has("rollouts")) recipe.rollouts = Rollouts::kTorch;
  check_rollouts(root, recipe);
  check_rewards(advantage, step_reward, recipe);
  check_loss(loss, recipe.loss);
  return recipe;
}

}  // namespace memagent
