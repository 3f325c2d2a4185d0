// What a training run is made of, as read from a TOML file. Everything a run depends on is here:
// the same recipe gives the same weights.
//
// One table of keys (recipe_keys.h) makes the reader, the record kept with a run and the list of
// keys with their defaults (`memagent train keys`).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "memagent/episode.h"
#include "train/advantage.h"
#include "train/machine.h"
#include "train/optimizer.h"
#include "train/policy_loss.h"
#include "train/step_reward.h"

namespace memagent {

// The network at the start of a run: weights from a file, or a shape of its own.
struct NetworkConfig {
  // A GGUF file, Hugging Face folder or builtin:nano; empty: random weights, as follows.
  std::string weights;
  std::string tokenizer;  // a tokenizer.json; not with weights, which bring their own
  std::int32_t num_layers = 4;
  std::int32_t model_dim = 128;
  std::int32_t num_heads = 4;
  std::int32_t num_kv_heads = 4;
  std::int32_t head_dim = 32;
  std::int32_t ffn_dim = 384;
  std::int32_t context_tokens = 2048;
  double rope_theta = 10000;
  // Put between those of `weights`, at most as many; they change nothing at first.
  std::int32_t more_layers = 0;
  // So many times the width, heads and feed-forward units of `weights`; no change at first either.
  std::int32_t times_as_wide = 1;
};

// How the policy reads, in training as later: what an Episode is made with.
struct ReadingConfig {
  std::string prompts;  // a prompt file; empty: the built-in wording
  Policy policy = Policy::kGated;
  Layout layout = Layout::kSectionFirst;
  // Of a section, as the model's file says it is to be used; 0: the longest that the run ends with.
  std::int32_t section_tokens = 0;
  std::int32_t question_tokens = 128;
  std::int32_t memory_tokens = 256;
  std::int32_t output_tokens = 256;
};

// A data set (docs/data-sets.md), which the name "data" stands for among tasks.
struct DataConfig {
  std::string path;         // empty: none
  std::string distractors;  // further paragraphs to pad its rows with; empty: none
};

// Which share of the lessons a task has.
struct TaskWeight {
  std::string task;
  double weight = 1;
};

// A part of the curriculum: what is read, how long it is, and when to go on.
struct Stage {
  std::string name;
  std::int64_t tokens = 1'000'000;  // trained on at most
  double until = 1;                 // or until this share of recent replies is right; 1: never
  std::vector<std::int64_t> section_tokens = {64, 128};    // from, to: drawn evenly in logarithm
  std::vector<std::int64_t> document_tokens = {256, 512};  // the same
  std::int64_t replies_per_section = 8;  // questions asked of one section, at most
  double keeps_per_update = 1;           // of replies that change nothing, for each that does
  double strangers = 0.5;  // share of the former that ask what another document answers
  double again = 0;        // share that ask of a section what the memory has from it already
  double absent = 0;       // share of documents also asked what they do not answer
  // Share of documents for which strangers and absent ask questions of other kinds, of the tasks
  // `outside`.
  double outsiders = 0;
  // Share of documents whose facts stand among text of other kinds than prose (task/clutter.h), of
  // tasks that use prose.
  double clutter = 0;
  // Share of documents about the invented encyclopedia whose paragraphs are all about things of the
  // kinds that are asked about.
  double crowded = 0;
  // Share of readings that are also asked before they are done, from a memory that lacks something.
  double unfinished = 0;
  // Share of readings that begin with notes on what other questions ask: mistakes of a reader,
  // which must not mislead it.
  double misnoted = 0;
  // For each reply that changes nothing, so many that teach what to write after a wrong decision to
  // add: what stands in the section, under its own name. Needs prompts with a word for adding.
  double slips = 0;
  double section_weight = 0.1;  // of a section's own tokens (language modelling); 0: not learnt
  // Replies that the policy gives already, with every token more probable than this, are left out
  // but for `keep_sure` of them (selection.h); 0: all are learnt from.
  double sure = 0;
  double keep_sure = 0.1;
  std::string haystack;  // a file whose text stands where tasks have generated prose; empty: none
  std::string text;      // a file that the task "text" has pieces of; empty: none
  std::vector<TaskWeight> tasks;
  std::vector<TaskWeight> outside;
  std::string where;  // file, line and key of section_tokens
};

// Rows that are not learnt from, read whole while a run goes on (held_out.h).
struct HeldOutConfig {
  std::int64_t steps = 0;  // between measurements, the first before the first step; 0: none
  std::int64_t rows = 16;  // of every length
  std::vector<std::int64_t> document_tokens = {512, 2048};
  DataConfig data;
  std::vector<TaskWeight> tasks;
  std::string where;  // file, line and key of steps
};

struct SftRecipe {
  std::uint64_t seed = 0;
  std::int64_t batch_tokens = 8192;  // of one batch, shared sections counted once
  std::int64_t batches = 1;          // of one step; processes that train together share them out
  std::int64_t checkpoint_minutes = 5;
  MachineConfig machine;
  NetworkConfig network;
  ReadingConfig reading;
  AdapterConfig adapter;
  OptimizerConfig optimizer;
  HeldOutConfig held_out;
  std::vector<Stage> stages;
};

// Tasks of a warm start that are not tasks, but texts (text_lessons.h).
inline constexpr const char* kDrillTask = "drill";
inline constexpr const char* kRepeatsTask = "repeats";
inline constexpr const char* kTallyTask = "tally";
inline constexpr const char* kCompareTask = "compare";
inline constexpr const char* kProseTask = "prose";
inline constexpr const char* kTextTask = "text";
inline constexpr std::array kTextTasks = {kDrillTask,   kRepeatsTask, kTallyTask,
                                          kCompareTask, kProseTask,   kTextTask};
// What no task asks (stray_questions.h), among the tasks `outside`.
inline constexpr const char* kStrayTask = "stray";

// The name that stands for a DataConfig among tasks.
inline constexpr const char* kDataTask = "data";

// Where questions of rollouts come from.
struct QuestionConfig {
  DataConfig data;
  std::vector<std::int64_t> section_tokens = {128, 512};     // from, to: drawn for every step
  std::vector<std::int64_t> document_tokens = {1024, 4096};  // drawn for every question
  double clutter = 0;                                        // as Stage::clutter
  double crowded = 0;                                        // as Stage::crowded
  std::string haystack;                                      // as Stage::haystack
  std::int32_t passes = 1;                                   // times a document is read
  std::vector<TaskWeight> tasks;
  std::string where;  // file, line and key of section_tokens
};

// Who plays the policy in rollouts.
enum class Rollouts {
  kEngine,  // the CPU engine, with a copy of the weights
  kTorch,   // the network itself, where it is trained (torch_model.h)
};

struct RlRecipe {
  std::uint64_t seed = 0;
  std::int64_t steps = 100;
  std::int64_t questions = 16;    // of one step
  std::int64_t group = 8;         // G: trajectories per question
  double temperature = 1;         // of rollouts
  std::int64_t mini_batches = 1;  // updates on one step's trajectories
  // Rolls the next step out while this one's update is made, with the weights before it: one step
  // stale, which importance weights mend.
  bool overlap = false;
  std::int64_t resample = 0;         // times that groups of equal rewards are replaced; 0: kept
  std::int64_t overlong_tokens = 0;  // of a reply's budget where the penalty sets in; 0: none
  // Replies that were sampled with every token more probable than this are not trained on: they
  // teach next to nothing (trajectory_batch.h). 0: all are.
  double sure = 0;
  std::int64_t batch_tokens = 8192;  // forward and backward at once
  std::int64_t checkpoint_minutes = 5;
  Rollouts rollouts = Rollouts::kEngine;  // read without a word for it: kTorch but on the CPU
  std::int64_t rollout_cache_gb = 8;      // of keys and values of kTorch, in GiB, at most
  MachineConfig machine;
  NetworkConfig network;
  ReadingConfig reading;
  AdapterConfig adapter;
  OptimizerConfig optimizer;
  HeldOutConfig held_out;
  AdvantageOptions advantage;
  StepRewardOptions step_reward;
  PolicyLossOptions loss;
  QuestionConfig questions_from;
};

// The Episode's settings but for what differs from document to document (section_tokens).
EpisodeConfig episode_config(const ReadingConfig& reading);

// Throws Error(kBadInput), beginning with `where`, if no update with a section of `section_tokens`
// fits a window of `context_tokens`.
void check_sections(const ReadingConfig& reading, std::int64_t section_tokens,
                    std::int32_t context_tokens, const PromptRenderer& renderer,
                    const std::string& where);

// Paths in a recipe are relative to its folder. Throws Error(kBadInput) naming file, line and key.
SftRecipe load_sft_recipe(const std::string& path);
RlRecipe load_rl_recipe(const std::string& path);
// The resolved recipe as one JSON object: what a run keeps beside its results.
std::string to_json(const SftRecipe& recipe);
std::string to_json(const RlRecipe& recipe);
// Every key with its default and meaning, for people.
std::string sft_recipe_keys();
std::string rl_recipe_keys();

}  // namespace memagent
