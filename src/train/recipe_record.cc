// What a recipe comes to, as kept beside a run's results, and the list of its keys for people.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <type_traits>

#include "train/recipe.h"
#include "train/recipe_keys.h"

namespace memagent {
namespace {

struct WriteFields {
  nlohmann::ordered_json& json;

  template <typename T>
  void operator()(const char* key, T& value, const char*) {
    if constexpr (std::is_enum_v<T>) {
      json[key] = word_of(value);
    } else {
      json[key] = value;
    }
  }
};

struct ListFields {
  std::string& text;

  template <typename T>
  void operator()(const char* key, T& value, const char* meaning) {
    nlohmann::ordered_json json;
    WriteFields{json}(key, value, meaning);
    text += fmt::format("{:<20} {:<16} {}\n", key, json[key].dump(), meaning);
  }
};

nlohmann::ordered_json weights_json(const std::vector<TaskWeight>& tasks) {
  nlohmann::ordered_json json;
  for (const TaskWeight& task : tasks) json[task.task] = task.weight;
  return json;
}

// Files that are not given, under keys that runs of before do not have.
void erase_empty(nlohmann::ordered_json& json, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (json[key] == "") json.erase(key);
  }
}

template <typename Recipe>
nlohmann::ordered_json common_json(Recipe& recipe) {
  nlohmann::ordered_json json;
  describe(WriteFields{json}, recipe);
  // What is as it was before there was a choice is left out: runs of then go on.
  const MachineConfig plain;
  if (recipe.machine.device == plain.device) json.erase("device");
  if (recipe.machine.compute == plain.compute) json.erase("compute");
  if (!recipe.machine.recompute_layers) json.erase("recompute_layers");
  describe(WriteFields{json["network"]}, recipe.network);
  if (recipe.network.times_as_wide == 1) json["network"].erase("times_as_wide");
  describe(WriteFields{json["reading"]}, recipe.reading);
  if (recipe.adapter.rank > 0) describe(WriteFields{json["adapter"]}, recipe.adapter);
  describe(WriteFields{json["optimizer"]}, recipe.optimizer);
  if (recipe.held_out.steps > 0) {
    describe(WriteFields{json["held_out"]}, recipe.held_out);
    erase_empty(json["held_out"], {"data", "distractors"});
    json["held_out"]["tasks"] = weights_json(recipe.held_out.tasks);
  }
  return json;
}

// A table's keys under its heading.
template <typename Config>
void list_keys(const char* heading, Config config, std::string& text) {
  text += fmt::format("{}\n", heading);
  describe(ListFields{text}, config);
}

template <typename Recipe>
std::string common_keys(const Recipe& recipe) {
  std::string text;
  Recipe copy = recipe;
  describe(ListFields{text}, copy);
  list_keys("\n[network]", copy.network, text);
  list_keys("\n[reading]", copy.reading, text);
  list_keys("\n[adapter]", copy.adapter, text);
  list_keys("\n[optimizer]", copy.optimizer, text);
  list_keys("\n[held_out]", copy.held_out, text);
  text += "tasks                                 task names (or data), each with a weight\n";
  return text;
}

}  // namespace

std::string to_json(const SftRecipe& recipe) {
  SftRecipe copy = recipe;
  nlohmann::ordered_json json = common_json(copy);
  json["stage"] = nlohmann::ordered_json::array();
  for (Stage& stage : copy.stages) {
    nlohmann::ordered_json one;
    describe(WriteFields{one}, stage);
    one["tasks"] = weights_json(stage.tasks);
    // As runs before these keys have it.
    if (stage.again == 0) one.erase("again");
    if (stage.crowded == 0) one.erase("crowded");
    erase_empty(one, {"haystack", "text"});
    if (stage.outside.empty()) one.erase("outsiders");
    if (!stage.outside.empty()) one["outside"] = weights_json(stage.outside);
    json["stage"].push_back(std::move(one));
  }
  return json.dump();
}

std::string to_json(const RlRecipe& recipe) {
  RlRecipe copy = recipe;
  nlohmann::ordered_json json = common_json(copy);
  // As runs before these keys have it.
  if (!copy.overlap) json.erase("overlap");
  if (copy.sure == 0) json.erase("sure");
  if (copy.rollouts == Rollouts::kEngine) {
    json.erase("rollouts");
    json.erase("rollout_cache_gb");
  }
  describe(WriteFields{json["advantage"]}, copy.advantage);
  if (!copy.advantage.same_prompt) json["advantage"].erase("same_prompt");
  describe(WriteFields{json["step_reward"]}, copy.step_reward);
  describe(WriteFields{json["loss"]}, copy.loss);
  describe(WriteFields{json["questions_from"]}, copy.questions_from);
  if (copy.questions_from.clutter == 0) json["questions_from"].erase("clutter");
  if (copy.questions_from.crowded == 0) json["questions_from"].erase("crowded");
  erase_empty(json["questions_from"], {"haystack"});
  if (copy.questions_from.passes == 1) json["questions_from"].erase("passes");
  json["questions_from"]["tasks"] = weights_json(copy.questions_from.tasks);
  return json.dump();
}

std::string sft_recipe_keys() {
  std::string text = common_keys(SftRecipe());
  list_keys("\n[[stage]]", Stage(), text);
  return text +
         "tasks                                 task names (or drill, repeats, tally, compare, "
         "prose, text), each with a weight\noutside                               the same of "
         "strangers' "
         "tasks (or stray: what none asks)\n";
}

std::string rl_recipe_keys() {
  std::string text = common_keys(RlRecipe());
  list_keys("\n[advantage]", AdvantageOptions(), text);
  list_keys("\n[step_reward]", StepRewardOptions(), text);
  list_keys("\n[loss]", PolicyLossOptions(), text);
  list_keys("\n[questions_from]", QuestionConfig(), text);
  return text + "tasks                                 task names (or data), each with a weight\n";
}

}  // namespace memagent
