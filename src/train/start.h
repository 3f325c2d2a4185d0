// What a run begins with: the network with its first weights, the vocabulary, and the wording in
// which the policy is spoken to.
#pragma once

#include <memory>
#include <string>

#include "memagent/prompts.h"
#include "train/optimizer.h"
#include "train/policy_network.h"
#include "train/recipe.h"

namespace memagent {

struct Start {
  std::unique_ptr<PolicyNetwork> network;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const PromptRenderer> renderer;
  std::string chat_template;
  std::string prompts_toml;  // empty: the built-in wording
  ReadingConfig reading;
  std::string first_weights;  // a hash of the file they came from; empty: drawn
};

// Throws Error(kBadInput) for files that cannot be used, Error(kUsage) for a shape that cannot be.
Start make_start(const NetworkConfig& network, const ReadingConfig& reading,
                 const PolicyOptions& options, std::uint64_t seed);

// What of its files a run that goes on depends on, as hashes: vocabulary and wording, and with
// `needs_first_weights` the weights it began with, which adapters are added to and a reference has.
// A checkpoint has all others.
std::string files_of(const Start& start, bool needs_first_weights);
// Throws Error(kUsage) unless both are the same, which means that a file has changed since.
void refuse_other_files(const std::string& of_checkpoint, const std::string& now,
                        const std::string& folder);

// The weights as a GGUF file, float32, with notes on how the model reads (model_tools.h). Sections
// are `section_tokens` long unless its user says otherwise.
void write_model(const Start& start, const std::string& name, std::int64_t section_tokens,
                 const std::string& path);
// The same, of the weights' average if the optimizer keeps one. Throws Error(kModel) for weights
// that are not finite, which replace nothing.
void write_trained_model(const Start& start, Optimizer& optimizer, const std::string& name,
                         std::int64_t section_tokens, const std::string& path);

}  // namespace memagent
