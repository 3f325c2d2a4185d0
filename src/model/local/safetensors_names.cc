#include "model/local/safetensors_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <unordered_set>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

struct NamePair {
  const char* hugging_face;
  const char* gguf;
};

constexpr NamePair kWhole[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                               {"model.norm.weight", "output_norm.weight"},
                               {"lm_head.weight", "output.weight"}};

// After "model.layers.N." and "blk.N.".
constexpr NamePair kInLayer[] = {{"input_layernorm.weight", "attn_norm.weight"},
                                 {"post_attention_layernorm.weight", "ffn_norm.weight"},
                                 {"self_attn.q_proj.weight", "attn_q.weight"},
                                 {"self_attn.k_proj.weight", "attn_k.weight"},
                                 {"self_attn.v_proj.weight", "attn_v.weight"},
                                 {"self_attn.q_proj.bias", "attn_q.bias"},
                                 {"self_attn.k_proj.bias", "attn_k.bias"},
                                 {"self_attn.v_proj.bias", "attn_v.bias"},
                                 {"self_attn.q_norm.weight", "attn_q_norm.weight"},
                                 {"self_attn.k_norm.weight", "attn_k_norm.weight"},
                                 {"self_attn.o_proj.weight", "attn_output.weight"},
                                 {"mlp.gate_proj.weight", "ffn_gate.weight"},
                                 {"mlp.up_proj.weight", "ffn_up.weight"},
                                 {"mlp.down_proj.weight", "ffn_down.weight"}};

// Translates `name` from one column of the tables to the other.
std::string translate(const std::string& name, const char* NamePair::*from,
                      const char* NamePair::*to, std::string_view from_prefix,
                      std::string_view to_prefix) {
  for (const NamePair& pair : kWhole) {
    if (name == pair.*from) return pair.*to;
  }
  if (!name.starts_with(from_prefix)) return {};
  const std::size_t dot = name.find('.', from_prefix.size());
  if (dot == std::string::npos) return {};
  const std::string layer = name.substr(from_prefix.size(), dot - from_prefix.size());
  for (const NamePair& pair : kInLayer) {
    if (name.compare(dot + 1, std::string::npos, pair.*from) == 0) {
      return fmt::format("{}{}.{}", to_prefix, layer, pair.*to);
    }
  }
  return {};
}

constexpr std::string_view kLayerPrefix = "model.layers.";
constexpr std::string_view kBlockPrefix = "blk.";

const char* torch_type(TensorType type) {
  if (type == TensorType::kF16) return "float16";
  return type == TensorType::kBF16 ? "bfloat16" : "float32";
}

nlohmann::ordered_json rope_scaling(const ModelConfig& config) {
  const auto& factors = config.rope_factors;
  const float most = *std::max_element(factors.begin(), factors.end());
  const float least = *std::min_element(factors.begin(), factors.end());
  if (least == most) return {{"rope_type", "linear"}, {"factor", most}};
  // A GGUF file has the rule's results only. All Llama 3 models share these settings but for the
  // factor, which is the largest result.
  const Llama3Scaling llama3{.factor = most};
  const std::vector<float> expected = llama3_rope_factors(llama3, config);
  const bool same = std::equal(factors.begin(), factors.end(), expected.begin(),
                               [](float a, float b) { return std::fabs(a - b) <= 1e-4F * b; });
  if (same) {
    return {{"rope_type", "llama3"},
            {"factor", llama3.factor},
            {"low_freq_factor", llama3.low},
            {"high_freq_factor", llama3.high},
            {"original_max_position_embeddings", static_cast<int>(llama3.context)}};
  }
  // Numbers of no rule known here are kept under a name of ours, which only memagent reads.
  return {{"rope_type", "memagent_factors"}, {"factors", factors}};
}

}  // namespace

std::string gguf_name(const std::string& hugging_face) {
  return translate(hugging_face, &NamePair::hugging_face, &NamePair::gguf, kLayerPrefix,
                   kBlockPrefix);
}

std::string hugging_face_name(const std::string& gguf) {
  std::string name =
      translate(gguf, &NamePair::gguf, &NamePair::hugging_face, kBlockPrefix, kLayerPrefix);
  MEMAGENT_CHECK(!name.empty(), "tensor '{}' has no other name", gguf);
  return name;
}

std::vector<float> llama3_rope_factors(const Llama3Scaling& scaling, const ModelConfig& config) {
  std::vector<float> out;
  for (std::int32_t i = 0; i < config.head_dim / 2; ++i) {
    const double frequency = std::pow(double{config.rope_theta}, -2.0 * i / config.head_dim);
    const double turns = scaling.context * frequency / (2 * std::numbers::pi);
    const double keep = std::clamp((turns - scaling.low) / (scaling.high - scaling.low), 0.0, 1.0);
    out.push_back(static_cast<float>(1.0 / ((1 - keep) / scaling.factor + keep)));
  }
  return out;
}

std::string hugging_face_config(const ModelConfig& config, TensorType type,
                                const Vocabulary* vocabulary) {
  nlohmann::ordered_json json;
  const bool llama = config.architecture == Architecture::kLlama;
  const bool qwen2 = config.architecture == Architecture::kQwen2;
  json["architectures"] = {llama   ? "LlamaForCausalLM"
                           : qwen2 ? "Qwen2ForCausalLM"
                                   : "Qwen3ForCausalLM"};
  json["model_type"] = to_string(config.architecture);
  json["hidden_act"] = "silu";
  json["hidden_size"] = config.model_dim;
  json["intermediate_size"] = config.ffn_dim;
  json["num_hidden_layers"] = config.num_layers;
  json["num_attention_heads"] = config.num_heads;
  json["num_key_value_heads"] = config.num_kv_heads;
  json["head_dim"] = config.head_dim;
  json["vocab_size"] = config.vocab_size;
  json["max_position_embeddings"] = config.context_tokens;
  // Through their shortest decimal form, so that 1e-6F is written as 1e-06.
  json["rms_norm_eps"] = std::stod(fmt::format("{}", config.rms_epsilon));
  json["rope_theta"] = std::stod(fmt::format("{}", config.rope_theta));
  json["tie_word_embeddings"] = config.tied_output;
  json["torch_dtype"] = torch_type(type);
  if (config.qkv_bias && !qwen2) {
    fail(ErrorKind::kBadInput,
         "a {} model with query, key and value biases but none on the attention's output has no "
         "place in a Hugging Face folder",
         to_string(config.architecture));
  }
  if (!config.rope_factors.empty()) json["rope_scaling"] = rope_scaling(config);
  if (vocabulary != nullptr) {
    if (vocabulary->bos >= 0) json["bos_token_id"] = vocabulary->bos;
    if (vocabulary->eos >= 0) json["eos_token_id"] = vocabulary->eos;
    if (vocabulary->padding >= 0) json["pad_token_id"] = vocabulary->padding;
  }
  return json.dump(2) + "\n";
}

std::string hugging_face_tokenizer_config(const Vocabulary& vocabulary,
                                          const std::string& chat_template) {
  nlohmann::ordered_json json;
  json["tokenizer_class"] = "PreTrainedTokenizerFast";
  json["add_bos_token"] = vocabulary.add_bos;
  json["clean_up_tokenization_spaces"] = false;
  const auto set = [&](const char* key, TokenId id) {
    if (id >= 0) json[key] = vocabulary.tokens[static_cast<std::size_t>(id)];
  };
  set("bos_token", vocabulary.bos);
  set("eos_token", vocabulary.eos);
  set("unk_token", vocabulary.unknown);
  set("pad_token", vocabulary.padding);
  if (!chat_template.empty()) json["chat_template"] = chat_template;
  return json.dump(2) + "\n";
}

void pad_vocabulary(Vocabulary& vocabulary, std::int32_t size) {
  const std::unordered_set<std::string> known(vocabulary.tokens.begin(), vocabulary.tokens.end());
  vocabulary.types.resize(vocabulary.tokens.size(), TokenType::kNormal);
  for (std::size_t id = vocabulary.tokens.size(); id < static_cast<std::size_t>(size); ++id) {
    std::string token = fmt::format("[PAD{}]", id);
    while (known.contains(token)) token += "_";
    vocabulary.tokens.push_back(token);
    vocabulary.types.push_back(TokenType::kUnused);
    if (!vocabulary.scores.empty()) vocabulary.scores.push_back(-1000.0F);
  }
}

}  // namespace memagent
