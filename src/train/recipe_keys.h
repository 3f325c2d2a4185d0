// The keys of a recipe: one table for each of its structs says what fields it has, what they are
// called and what they mean, for everything that goes through all of them (recipe.cc reads them,
// recipe_record.cc writes and lists them). A visitor is called as v(key, field, meaning).
//
// Knows nothing of TOML or JSON, nor of which values go together.
#pragma once

#include <string>
#include <utility>

#include "train/recipe.h"

namespace memagent {

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
  v("times_as_wide", c.times_as_wide, "as weights are; changes nothing at first, either");
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
void describe(Visitor&& v, DataConfig& c) {
  v("data", c.path, "a data set's file, which the task \"data\" draws rows of");
  v("distractors", c.distractors, "a file of further paragraphs to pad its rows with");
}

template <typename Visitor>
void describe(Visitor&& v, HeldOutConfig& c) {
  v("steps", c.steps, "between readings of rows that are not learnt from; 0: none");
  v("rows", c.rows, "of every length");
  v("document_tokens", c.document_tokens, "the lengths");
  describe(v, c.data);
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
  v("again", c.again, "share of them that ask of a section what is noted already");
  v("absent", c.absent, "share of documents that are also asked what they do not answer");
  v("outsiders", c.outsiders, "share of documents whose strangers are of the tasks outside");
  v("clutter", c.clutter, "share of documents with lists, tables, code and the like for prose");
  v("crowded", c.crowded, "share of documents of the encyclopedia full of what is asked about");
  v("misnoted", c.misnoted, "share of readings that begin with notes on another question");
  v("unfinished", c.unfinished, "share of readings that are also asked before they are done");
  v("slips", c.slips,
    "replies for each that changes nothing that go on after a wrong decision to add");
  v("section_weight", c.section_weight, "weight of a section's own tokens; 0: not learnt");
  v("sure", c.sure, "replies given already, each token above this, are left out; 0: none are");
  v("keep_sure", c.keep_sure, "share of those that are learnt from all the same");
  v("haystack", c.haystack, "a file whose sentences stand where tasks have generated prose");
  v("text", c.text, "a file that the task \"text\" has pieces of, to learn its language from");
}

template <typename Visitor>
void describe(Visitor&& v, MachineConfig& c) {
  v("device", c.device, "cpu, cuda or cuda:N");
  v("compute", c.compute, "float32, or bfloat16: weights, gradients and moments stay float32");
  v("recompute_layers", c.recompute_layers,
    "in the backward pass, for which only their inputs are kept: less memory, more time");
}

template <typename Visitor>
void describe(Visitor&& v, SftRecipe& c) {
  v("seed", c.seed, "of everything that is drawn");
  v("batch_tokens", c.batch_tokens, "of one batch, shared sections counted once");
  v("batches", c.batches, "of one step; processes that train together share them out");
  v("checkpoint_minutes", c.checkpoint_minutes, "between checkpoints");
  describe(v, c.machine);
}

template <typename Visitor>
void describe(Visitor&& v, AdvantageOptions& c) {
  v("divide_by_deviation", c.divide_by_deviation, "by the standard deviation of a group's rewards");
  v("credit", c.credit, "who learns from the answer: all, answer (it alone), own (nobody)");
  v("own_weight", c.own_weight, "of step rewards beside the answer's; 0: off");
  v("same_prompt", c.same_prompt, "compare rewards among equal prompts, not in the whole group");
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
  describe(v, c.data);
  v("section_tokens", c.section_tokens, "shortest and longest section");
  v("document_tokens", c.document_tokens, "shortest and longest document");
  v("clutter", c.clutter, "share of documents with lists, tables, code and the like for prose");
  v("crowded", c.crowded, "share of documents of the encyclopedia full of what is asked about");
  v("haystack", c.haystack, "a file whose sentences stand where tasks have generated prose");
  v("passes", c.passes, "times a document is read");
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
  v("sure", c.sure, "replies sampled with each token above this are not trained on; 0: all are");
  v("batch_tokens", c.batch_tokens, "forward and backward at once");
  v("checkpoint_minutes", c.checkpoint_minutes, "between checkpoints");
  v("rollouts", c.rollouts, "by our engine, on the CPU, or by torch, the default on other devices");
  v("rollout_cache_gb", c.rollout_cache_gb, "of keys and values of rollouts by torch, at most");
  describe(v, c.machine);
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

template <>
struct Words<Credit> {
  static constexpr std::pair<Credit, const char*> kAll[] = {
      {Credit::kAll, "all"}, {Credit::kAnswer, "answer"}, {Credit::kOwn, "own"}};
};

template <>
struct Words<ComputeType> {
  static constexpr std::pair<ComputeType, const char*> kAll[] = {
      {ComputeType::kFloat32, "float32"}, {ComputeType::kBFloat16, "bfloat16"}};
};
template <>
struct Words<Rollouts> {
  static constexpr std::pair<Rollouts, const char*> kAll[] = {{Rollouts::kEngine, "engine"},
                                                              {Rollouts::kTorch, "torch"}};
};

template <typename T>
std::string word_of(T value) {
  for (const auto& [each, word] : Words<T>::kAll) {
    if (each == value) return word;
  }
  return "";
}

}  // namespace memagent
