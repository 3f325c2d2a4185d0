#include "train/start.h"

#include <fmt/format.h>

#include <utility>

#include "agent/prompt_file.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/input_file.h"
#include "model/local/model_contents.h"
#include "model/local/model_file_layout.h"
#include "model/local/model_tools.h"
#include "train/checkpoint.h"

namespace memagent {
namespace {

ModelConfig shape_of(const NetworkConfig& network, const Tokenizer& tokenizer) {
  ModelConfig config;
  config.architecture = Architecture::kQwen3;
  config.num_layers = network.num_layers;
  config.model_dim = network.model_dim;
  config.num_heads = network.num_heads;
  config.num_kv_heads = network.num_kv_heads;
  config.head_dim = network.head_dim;
  config.ffn_dim = network.ffn_dim;
  config.vocab_size = tokenizer.vocab_size();
  config.context_tokens = network.context_tokens;
  config.rope_theta = static_cast<float>(network.rope_theta);
  config.query_key_norm = true;
  config.tied_output = true;
  check_config(config, "recipe");
  return config;
}

std::string hash_of_wording(const Start& start) {
  Hash64 hash;
  for (const std::string* text : {&start.prompts_toml, &start.chat_template}) {
    hash.update(*text);
    hash.update({"", 1});
  }
  for (TokenId token = 0; token < start.tokenizer->vocab_size(); ++token) {
    hash.update(start.tokenizer->token_bytes(token));
    hash.update({"", 1});
  }
  return fmt::format("{:016x}", hash.value());
}

}  // namespace

Start make_start(const NetworkConfig& network, const ReadingConfig& reading,
                 const PolicyOptions& options, std::uint64_t seed) {
  Start start;
  if (network.weights.empty()) {
    start.tokenizer = load_tokenizer(network.tokenizer);
    start.network = std::make_unique<PolicyNetwork>(shape_of(network, *start.tokenizer), options);
    start.network->initialise(seed);
  } else {
    const auto file = open_model_file(network.weights);
    start.tokenizer = file->tokenizer();
    if (start.tokenizer == nullptr) {
      fail(ErrorKind::kBadInput,
           "network.weights: {}: has no vocabulary: give a GGUF file with one, or a folder with "
           "tokenizer.json",
           network.weights);
    }
    start.chat_template = file->chat_template();
    ModelConfig config = file->config();
    if (network.more_layers > config.num_layers) {
      fail(ErrorKind::kBadInput, "network.more_layers is {}: {} has {} layers: at most as many",
           network.more_layers, network.weights, config.num_layers);
    }
    config.num_layers += network.more_layers;
    for (std::int32_t* of :
         {&config.model_dim, &config.num_heads, &config.num_kv_heads, &config.ffn_dim}) {
      *of *= network.times_as_wide;
    }
    check_config(config, network.weights);
    start.network = std::make_unique<PolicyNetwork>(config, options);
    start.network->load(*file);
    start.first_weights = fmt::format("{:016x}", model_contents_hash(network.weights));
  }
  start.network->initialise_adapters(seed);
  start.reading = reading;
  if (!reading.prompts.empty()) {
    start.prompts_toml = read_whole(reading.prompts, "reading.prompts: ");
  }
  start.renderer = std::make_shared<const PromptRenderer>(
      reading.prompts.empty() ? default_prompts()
                              : parse_prompts(start.prompts_toml, reading.prompts),
      start.tokenizer, start.chat_template);
  return start;
}

std::string files_of(const Start& start, bool needs_first_weights) {
  return hash_of_wording(start) + (needs_first_weights ? start.first_weights : "");
}

void refuse_other_files(const std::string& of_checkpoint, const std::string& now,
                        const std::string& folder) {
  if (of_checkpoint == now) return;
  fail(ErrorKind::kUsage,
       "{}: the run began with other prompts, another vocabulary or other weights than the files "
       "of its recipe hold now: put those back, or begin another run",
       folder);
}

void write_trained_model(const Start& start, Optimizer& optimizer, const std::string& name,
                         std::int64_t section_tokens, const std::string& path) {
  refuse_if_not_finite(*start.network);
  optimizer.swap_average();
  write_model(start, name, section_tokens, path);
  optimizer.swap_average();
}

void write_model(const Start& start, const std::string& name, std::int64_t section_tokens,
                 const std::string& path) {
  ModelNotes notes;
  if (!start.prompts_toml.empty()) notes["prompts"] = start.prompts_toml;
  notes["policy"] = to_string(start.reading.policy);
  notes["layout"] = to_string(start.reading.layout);
  const std::int64_t wanted = start.reading.section_tokens;
  notes["section_tokens"] = std::to_string(wanted > 0 ? wanted : section_tokens);
  notes["question_tokens"] = std::to_string(start.reading.question_tokens);
  notes["memory_tokens"] = std::to_string(start.reading.memory_tokens);
  notes["output_tokens"] = std::to_string(start.reading.output_tokens);
  const auto file = start.network->model_file(start.tokenizer, start.chat_template, name);
  write_gguf_model(*file, TensorType::kF32, notes, path);
}

}  // namespace memagent
