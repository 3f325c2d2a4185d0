// A GGUF file as a ModelFile: llama.cpp's metadata keys into a ModelConfig.
//
// Anything that would change what the model computes and is not understood here (experts, other
// rotary scalings, soft-capping, unknown tensors) is refused rather than ignored.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/fail.h"
#include "format/gguf.h"
#include "format/printable.h"
#include "format/quant.h"
#include "model/local/model_file_layout.h"
#include "model/local/shipped_model.h"
#include "text/gguf_vocabulary.h"

namespace memagent {
namespace {

constexpr const char* kRopeFactors = "rope_freqs.weight";

// The keys under the architecture's name ("qwen3.block_count").
class ArchitectureKeys {
 public:
  ArchitectureKeys(const Gguf& gguf, const std::string& path, std::string architecture)
      : gguf_(gguf), path_(path), prefix_(std::move(architecture) + ".") {}

  bool has(const char* key) const { return gguf_.find(prefix_ + key) != nullptr; }

  std::int32_t integer(const char* key) const {
    const GgufValue* value = gguf_.find(prefix_ + key);
    if (value == nullptr) {
      fail(ErrorKind::kBadInput, "'{}': metadata key '{}{}' is missing", path_, prefix_, key);
    }
    auto number = value->integer();
    if (!number) number = uniform(key, *value);
    if (*number < 0 || *number > INT32_MAX) {
      fail(ErrorKind::kBadInput, "'{}': {}{} is {}, expected 0 to {}", path_, prefix_, key, *number,
           INT32_MAX);
    }
    return static_cast<std::int32_t>(*number);
  }

  std::int32_t integer(const char* key, std::int32_t fallback) const {
    return has(key) ? integer(key) : fallback;
  }

  float number(const char* key, std::optional<float> fallback = std::nullopt) const {
    const GgufValue* value = gguf_.find(prefix_ + key);
    if (value == nullptr && fallback) return *fallback;
    if (value == nullptr) {
      fail(ErrorKind::kBadInput, "'{}': metadata key '{}{}' is missing", path_, prefix_, key);
    }
    const auto number = value->number();
    if (!number) wrong(key, *value, "a number");
    return static_cast<float>(*number);
  }

  std::string text(const char* key) const {
    const GgufValue* value = gguf_.find(prefix_ + key);
    if (value == nullptr) return {};
    const auto text = value->string();
    if (!text) wrong(key, *value, "a string");
    return std::string(*text);
  }

 private:
  // Some converters write one number per layer where all layers are alike.
  std::int64_t uniform(const char* key, const GgufValue& value) const {
    const auto list = value.integers();
    if (!list || list->empty()) wrong(key, value, "an integer");
    if (std::any_of(list->begin(), list->end(), [&](auto n) { return n != list->front(); })) {
      fail(ErrorKind::kBadInput, "'{}': {}{} differs from layer to layer, which is not supported",
           path_, prefix_, key);
    }
    return list->front();
  }

  [[noreturn]] void wrong(const char* key, const GgufValue& value, const char* expected) const {
    fail(ErrorKind::kBadInput, "'{}': {}{} is of type {}, expected {}", path_, prefix_, key,
         to_string(value.type), expected);
  }

  const Gguf& gguf_;
  const std::string& path_;
  std::string prefix_;
};

Architecture read_architecture(const Gguf& gguf, const std::string& path) {
  const GgufValue* value = gguf.find("general.architecture");
  const auto name = value == nullptr ? std::nullopt : value->string();
  if (!name) {
    fail(ErrorKind::kBadInput, "'{}': metadata key 'general.architecture' is missing", path);
  }
  for (const auto known : {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3}) {
    if (*name == to_string(known)) return known;
  }
  fail(ErrorKind::kBadInput,
       "'{}': architecture '{}' is not supported; memagent runs llama, qwen2 and qwen3 models",
       path, printable(*name));
}

const TensorView* find_tensor(const Gguf& gguf, const std::string& name) {
  const auto found = std::find_if(gguf.tensors.begin(), gguf.tensors.end(),
                                  [&](const TensorView& tensor) { return tensor.name == name; });
  return found == gguf.tensors.end() ? nullptr : &*found;
}

void refuse_what_is_not_known(const ArchitectureKeys& keys, const std::string& path) {
  if (keys.integer("expert_count", 0) > 0) {
    fail(ErrorKind::kBadInput, "'{}': mixture-of-experts models are not supported", path);
  }
  for (const char* key : {"attention.sliding_window", "attn_logit_softcapping",
                          "final_logit_softcapping", "logit_scale", "residual_scale"}) {
    if (keys.has(key)) {
      fail(ErrorKind::kBadInput, "'{}': the model uses '{}', which is not supported", path, key);
    }
  }
}

// Divisors of the rotary frequencies from a tensor (Llama 3) and a linear scaling, if any.
std::vector<float> read_rope_factors(const Gguf& gguf, const ArchitectureKeys& keys,
                                     const ModelConfig& config, const std::string& path) {
  std::vector<float> factors;
  if (const TensorView* tensor = find_tensor(gguf, kRopeFactors)) {
    const std::vector<std::int64_t> shape{config.head_dim / 2};
    if (tensor->type != TensorType::kF32 || tensor->shape != shape) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' is {} {}, expected F32 {}", path, kRopeFactors,
           to_string(tensor->type), shape_text(tensor->shape), shape_text(shape));
    }
    factors.resize(static_cast<std::size_t>(config.head_dim / 2));
    dequantize_row(TensorType::kF32, tensor->data, factors);
  }
  const std::string scaling = keys.text("rope.scaling.type");
  if (!scaling.empty() && scaling != "none" && scaling != "linear") {
    fail(ErrorKind::kBadInput,
         "'{}': rotary scaling '{}' is not supported, only 'linear' and a '{}' tensor", path,
         printable(scaling), kRopeFactors);
  }
  const float old_key = keys.number("rope.scale_linear", 1.0F);
  const float factor = scaling == "none" ? 1.0F : keys.number("rope.scaling.factor", old_key);
  if (factor != 1.0F && factor != 0.0F) {
    factors.resize(static_cast<std::size_t>(config.head_dim / 2), 1.0F);
    for (float& f : factors) f *= factor;
  }
  return factors;
}

ModelConfig read_config(const Gguf& gguf, const std::string& path) {
  ModelConfig config;
  config.architecture = read_architecture(gguf, path);
  const ArchitectureKeys keys(gguf, path, to_string(config.architecture));
  refuse_what_is_not_known(keys, path);
  config.num_layers = keys.integer("block_count");
  config.model_dim = keys.integer("embedding_length");
  config.num_heads = keys.integer("attention.head_count");
  config.num_kv_heads = keys.integer("attention.head_count_kv", config.num_heads);
  config.ffn_dim = keys.integer("feed_forward_length");
  config.context_tokens = keys.integer("context_length");
  config.rms_epsilon = keys.number("attention.layer_norm_rms_epsilon");
  config.rope_theta = keys.number("rope.freq_base", 10000.0F);

  const std::int32_t usual =
      config.num_heads > 0 ? config.model_dim / config.num_heads : config.model_dim;
  config.head_dim = keys.integer("attention.key_length", usual);
  const std::int32_t value_dim = keys.integer("attention.value_length", usual);
  const std::int32_t rotary_dim = keys.integer("rope.dimension_count", config.head_dim);
  if (value_dim != config.head_dim || rotary_dim != config.head_dim) {
    fail(ErrorKind::kBadInput,
         "'{}': key, value and rotary widths of a head are {}, {} and {}; they must be equal", path,
         config.head_dim, value_dim, rotary_dim);
  }

  const bool llama = config.architecture == Architecture::kLlama;
  config.rotary_pairs = llama ? RotaryPairs::kAdjacent : RotaryPairs::kHalves;
  config.query_key_norm = config.architecture == Architecture::kQwen3;
  config.qkv_bias = config.architecture == Architecture::kQwen2 ||
                    find_tensor(gguf, "blk.0.attn_q.bias") != nullptr;
  config.tied_output = find_tensor(gguf, "output.weight") == nullptr;

  const TensorView* embedding = find_tensor(gguf, "token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2 || embedding->shape[0] > INT32_MAX) {
    fail(ErrorKind::kBadInput, "'{}': tensor 'token_embd.weight' is missing or not a matrix", path);
  }
  config.vocab_size = static_cast<std::int32_t>(embedding->shape[0]);
  if (keys.integer("vocab_size", config.vocab_size) != config.vocab_size) {
    fail(ErrorKind::kBadInput, "'{}': {}.vocab_size is {}, the token embedding has {} rows", path,
         to_string(config.architecture), keys.integer("vocab_size"), config.vocab_size);
  }
  check_config(config, path);
  config.rope_factors = read_rope_factors(gguf, keys, config, path);
  return config;
}

std::string text_of(const Gguf& gguf, const char* key) {
  const GgufValue* value = gguf.find(key);
  const auto text = value == nullptr ? std::nullopt : value->string();
  return text ? std::string(*text) : std::string();
}

// "-00001-of-00003.gguf"
void refuse_part(const Gguf& gguf, const std::string& path) {
  const GgufValue* value = gguf.find("split.count");
  const auto parts = value == nullptr ? std::nullopt : value->integer();
  if (!parts || *parts < 2) return;
  fail(ErrorKind::kBadInput,
       "'{}' is one of {} parts of a model; merge them into one file first (llama.cpp's "
       "llama-gguf-split --merge)",
       path, *parts);
}

}  // namespace

ModelParts read_gguf_model(std::span<const std::byte> bytes, const std::string& path) {
  const Gguf gguf = parse_gguf(bytes, path);
  refuse_part(gguf, path);
  ModelParts parts;
  parts.path = path;
  parts.config = read_config(gguf, path);
  parts.name = text_of(gguf, "general.name");
  if (parts.name.empty()) parts.name = std::filesystem::path(path).stem().string();
  parts.chat_template = text_of(gguf, "tokenizer.chat_template");
  if (has_vocabulary(gguf)) {
    Vocabulary vocabulary = read_gguf_vocabulary(gguf, path);
    if (vocabulary.tokens.size() != static_cast<std::size_t>(parts.config.vocab_size)) {
      fail(ErrorKind::kBadInput, "'{}': the vocabulary has {} tokens, the token embedding {} rows",
           path, vocabulary.tokens.size(), parts.config.vocab_size);
    }
    parts.tokenizer = make_tokenizer(std::move(vocabulary), path);
  }
  for (const TensorView& tensor : gguf.tensors) {
    if (tensor.name != kRopeFactors) parts.tensors.emplace(tensor.name, tensor);
  }
  return parts;
}

std::unique_ptr<ModelFile> open_gguf_model(const std::string& path) {
  if (is_shipped_model(path)) return make_model_file(read_gguf_model(shipped_model(), path));
  auto file = std::make_shared<const MappedFile>(path);
  ModelParts parts = read_gguf_model(file->bytes(), path);
  parts.files.push_back(std::move(file));
  return make_model_file(std::move(parts));
}

}  // namespace memagent
