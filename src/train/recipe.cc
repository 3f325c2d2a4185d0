#include "train/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "base/fail.h"
#include "format/toml_table.h"
#include "model/local/shipped_model.h"

namespace memagent {
namespace {

constexpr const char* kSee = "docs/training.md";

// The tables of keys: each struct's fields with what they mean. A visitor is called for every one.
template <typename Visitor>
void describe(Visitor&& v, NetworkConfig& c) {
  v("weights", c.weights, "weights to start from: a GGUF file or folder; none: random, as follows");
  v("tokenizer", c.tokenizer, "a tokenizer.json; not with weights");
  v("num_layers", c.num_layers, "layers");
  v("model_dim", c.model_dim, "width");
  v("num_heads", c.num_heads, "attention heads");
  v("num_kv_heads", c.num_kv_heads, "heads of keys and values");
  v("head_dim", c.head_dim, "width of a head");
  v("ffn_dim", c.ffn_dim, "width of the feed-forward layer");
  v("context_tokens", c.context_tokens, "the longest prompt and reply together");
  v("rope_theta", c.rope_theta, "base of the rotary frequencies");
  v("more_layers", c.more_layers, "put between those of weights; they change nothing at first");
}

template <typename Visitor>
void describe(Visitor&& v, ReadingConfig& c) {
  v("prompts", c.prompts, "a prompt file; none: the built-in wording");
  v("policy", c.policy, "gated or overwrite");
  v("layout", c.layout, "section-first or question-first");
  v("section_tokens", c.section_tokens,
    "of a section, in later use; 0: the longest that the run ends with");
  v("question_tokens", c.question_tokens, "the longest question");
  v("memory_tokens", c.memory_tokens, "where a memory is cut");
  v("output_tokens", c.output_tokens, "where an answer is cut");
}

template <typename Visitor>
void describe(Visitor&& v, AdapterConfig& c) {
  v("rank", c.rank, "of low-rank adapters, which are then all that is trained; 0: none");
  v("alpha", c.alpha, "their weight, times the rank");
  v("matrices", c.matrices, "of every layer that have one");
}

template <typename Visitor>
void describe(Visitor&& v, OptimizerConfig& c) {
  v("learning_rate", c.learning_rate, "the highest");
  v("warmup_steps", c.warmup_steps, "steps over which the rate grows from 0");
  v("schedule", c.schedule, "constant, linear or cosine");
  v("final_share", c.final_share, "of the rate at the end of the run");
  v("beta1", c.beta1, "decay of the first moment");
  v("beta2", c.beta2, "decay of the second moment");
  v("epsilon", c.epsilon, "added to the root of the second moment");
  v("weight_decay", c.weight_decay, "of matrices, not of norms and biases");
  v("clip_norm", c.clip_norm, "highest norm of the gradient; 0: off");
  v("average", c.average, "decay of the weights' moving average, a step; 0: off");
  v("most_skipped", c.most_skipped, "steps in a row without a finite gradient that end a run");
}

template <typename Visitor>
void describe(Visitor&& v, HeldOutConfig& c) {
  v("steps", c.steps, "between readings of rows that are not learnt from; 0: none");
  v("rows", c.rows, "of every length");
  v("document_tokens", c.document_tokens, "the lengths");
}

template <typename Visitor>
void describe(Visitor&& v, Stage& c) {
  v("name", c.name, "for the log");
  v("tokens", c.tokens, "trained on at most");
  v("until", c.until, "or until this share of recent replies of every kind is right; 1: never");
  v("section_tokens", c.section_tokens, "shortest and longest section");
  v("document_tokens", c.document_tokens, "shortest and longest document");
  v("replies_per_section", c.replies_per_section, "questions asked of one section, at most");
  v("keeps_per_update", c.keeps_per_update, "replies that change nothing for each that does");
  v("strangers", c.strangers, "share of the former that ask what another document answers");
  v("absent", c.absent, "share of documents that are also asked what they do not answer");
  v("unfinished", c.unfinished, "share of readings that are also asked before they are done");
  v("misnoted", c.misnoted, "share of readings that begin with notes on another question");
  v("section_weight", c.section_weight, "weight of a section's own tokens; 0: not learnt");
  v("sure", c.sure, "replies given already, each token above this, are left out; 0: none are");
  v("keep_sure", c.keep_sure, "share of those that are learnt from all the same");
}

template <typename Visitor>
void describe(Visitor&& v, SftRecipe& c) {
  v("seed", c.seed, "of everything that is drawn");
  v("batch_tokens", c.batch_tokens, "of one batch, shared sections counted once");
  v("batches", c.batches, "of one step; processes that train together share them out");
  v("checkpoint_minutes", c.checkpoint_minutes, "between checkpoints");
}

template <typename Visitor>
void describe(Visitor&& v, AdvantageOptions& c) {
  v("divide_by_deviation", c.divide_by_deviation, "by the standard deviation of a group's rewards");
  v("credit", c.credit, "who learns from the answer: all, answer (it alone), own (nobody)");
  v("own_weight", c.own_weight, "of step rewards beside the answer's; 0: off");
}

template <typename Visitor>
void describe(Visitor&& v, StepRewardOptions& c) {
  v("gate", c.gate, "for writing exactly when a fact ends in the section; 0: off");
  v("exit", c.exit, "for stopping exactly when no fact is to come; 0: off");
  v("form", c.form, "taken off a malformed update; 0: off");
  v("noted", c.noted, "for the growth of the share of facts in the memory; 0: off");
}

template <typename Visitor>
void describe(Visitor&& v, PolicyLossOptions& c) {
  v("clip_low", c.clip_low, "ratios below 1 - clip_low gain nothing");
  v("clip_high", c.clip_high, "ratios above 1 + clip_high gain nothing");
  v("kl", c.kl, "weight of the KL to the weights at the start; 0: none");
  v("entropy", c.entropy, "weight of the entropy bonus; 0: none");
  v("importance_cap", c.importance_cap,
    "highest weight of a token for the gap between what sampled it and what trains; 0: no weight");
}

template <typename Visitor>
void describe(Visitor&& v, QuestionConfig& c) {
  v("data", c.data, "a data set's file, which the task \"data\" draws rows of");
  v("distractors", c.distractors, "a file of further paragraphs to pad its rows with");
  v("section_tokens", c.section_tokens, "shortest and longest section");
  v("document_tokens", c.document_tokens, "shortest and longest document");
}

template <typename Visitor>
void describe(Visitor&& v, RlRecipe& c) {
  v("seed", c.seed, "of everything that is drawn");
  v("steps", c.steps, "rollouts, each followed by an update");
  v("questions", c.questions, "of one step");
  v("group", c.group, "trajectories per question");
  v("temperature", c.temperature, "of rollouts");
  v("mini_batches", c.mini_batches, "updates on one step's trajectories");
  v("overlap", c.overlap, "rollouts of the next step beside the update: one step stale");
  v("resample", c.resample, "times that groups of equal rewards are replaced; 0: kept");
  v("overlong_tokens", c.overlong_tokens,
    "of a reply's budget where the penalty for length sets in; 0: none");
  v("batch_tokens", c.batch_tokens, "forward and backward at once");
  v("checkpoint_minutes", c.checkpoint_minutes, "between checkpoints");
}

// Settings that are one of a few words.
template <typename T>
struct Words;
template <>
struct Words<Schedule> {
  static constexpr std::pair<Schedule, const char*> kAll[] = {{Schedule::kConstant, "constant"},
                                                              {Schedule::kLinear, "linear"},
                                                              {Schedule::kCosine, "cosine"}};
};
template <>
struct Words<Policy> {
  static constexpr std::pair<Policy, const char*> kAll[] = {{Policy::kGated, "gated"},
                                                            {Policy::kOverwrite, "overwrite"}};
};
template <>
struct Words<Layout> {
  static constexpr std::pair<Layout, const char*> kAll[] = {
      {Layout::kSectionFirst, "section-first"}, {Layout::kQuestionFirst, "question-first"}};
};

template <typename T>
std::string word_of(T value) {
  for (const auto& [each, word] : Words<T>::kAll) {
    if (each == value) return word;
  }
  return "";
}

template <>
struct Words<Credit> {
  static constexpr std::pair<Credit, const char*> kAll[] = {
      {Credit::kAll, "all"}, {Credit::kAnswer, "answer"}, {Credit::kOwn, "own"}};
};

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

void read_tasks(TomlTable table, std::vector<TaskWeight>& tasks) {
  for (const std::string& name : table.keys()) {
    TaskWeight task{name, 0};
    table.read(name, task.weight);
    if (!(task.weight > 0)) table.fail_at(name, "must be more than 0");
    tasks.push_back(std::move(task));
  }
}

Stage read_stage(TomlTable table) {
  Stage stage;
  describe(ReadFields{table}, stage);
  check_range(table, "section_tokens", stage.section_tokens);
  check_range(table, "document_tokens", stage.document_tokens);
  if (stage.tokens < 1) table.fail_at("tokens", "must be at least 1");
  if (stage.replies_per_section < 1) table.fail_at("replies_per_section", "must be at least 1");
  if (stage.absent < 0 || stage.absent > 1) table.fail_at("absent", "must be from 0 to 1");
  if (stage.strangers < 0 || stage.strangers > 1) {
    table.fail_at("strangers", "must be from 0 to 1");
  }
  if (stage.unfinished < 0 || stage.unfinished > 1) {
    table.fail_at("unfinished", "must be from 0 to 1");
  }
  if (stage.misnoted < 0 || stage.misnoted > 1) table.fail_at("misnoted", "must be from 0 to 1");
  if (stage.sure < 0 || stage.sure >= 1) table.fail_at("sure", "must be from 0 to below 1");
  if (stage.keep_sure < 0 || stage.keep_sure > 1) {
    table.fail_at("keep_sure", "must be from 0 to 1");
  }
  read_tasks(table.table("tasks"), stage.tasks);
  if (stage.tasks.empty()) table.fail_at("tasks", "has none: name at least one");
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
    if (key == "more_layers") {
      if (recipe.network.more_layers < 0) network.fail_at(key, "must be at least 0");
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

nlohmann::ordered_json weights_json(const std::vector<TaskWeight>& tasks) {
  nlohmann::ordered_json json;
  for (const TaskWeight& task : tasks) json[task.task] = task.weight;
  return json;
}

template <typename Recipe>
nlohmann::ordered_json common_json(Recipe& recipe) {
  nlohmann::ordered_json json;
  describe(WriteFields{json}, recipe);
  describe(WriteFields{json["network"]}, recipe.network);
  describe(WriteFields{json["reading"]}, recipe.reading);
  if (recipe.adapter.rank > 0) describe(WriteFields{json["adapter"]}, recipe.adapter);
  describe(WriteFields{json["optimizer"]}, recipe.optimizer);
  if (recipe.held_out.steps > 0) {
    describe(WriteFields{json["held_out"]}, recipe.held_out);
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
  text += "tasks                                 task names, each with a weight\n";
  return text;
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
  check_range(from, "section_tokens", recipe.questions_from.section_tokens);
  check_range(from, "document_tokens", recipe.questions_from.document_tokens);
  read_tasks(from.table("tasks"), recipe.questions_from.tasks);
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

std::string to_json(const SftRecipe& recipe) {
  SftRecipe copy = recipe;
  nlohmann::ordered_json json = common_json(copy);
  json["stage"] = nlohmann::ordered_json::array();
  for (Stage& stage : copy.stages) {
    nlohmann::ordered_json one;
    describe(WriteFields{one}, stage);
    one["tasks"] = weights_json(stage.tasks);
    json["stage"].push_back(std::move(one));
  }
  return json.dump();
}

std::string to_json(const RlRecipe& recipe) {
  RlRecipe copy = recipe;
  nlohmann::ordered_json json = common_json(copy);
  if (!copy.overlap) json.erase("overlap");  // as runs before it have it
  describe(WriteFields{json["advantage"]}, copy.advantage);
  describe(WriteFields{json["step_reward"]}, copy.step_reward);
  describe(WriteFields{json["loss"]}, copy.loss);
  describe(WriteFields{json["questions_from"]}, copy.questions_from);
  json["questions_from"]["tasks"] = weights_json(copy.questions_from.tasks);
  return json.dump();
}

std::string sft_recipe_keys() {
  std::string text = common_keys(SftRecipe());
  list_keys("\n[[stage]]", Stage(), text);
  return text +
         "tasks                                 task names (or drill, prose), each with a weight\n";
}

std::string rl_recipe_keys() {
  std::string text = common_keys(RlRecipe());
  list_keys("\n[advantage]", AdvantageOptions(), text);
  list_keys("\n[step_reward]", StepRewardOptions(), text);
  list_keys("\n[loss]", PolicyLossOptions(), text);
  list_keys("\n[questions_from]", QuestionConfig(), text);
  return text + "tasks                                 task names, each with a weight\n";
}

}  // namespace memagent
