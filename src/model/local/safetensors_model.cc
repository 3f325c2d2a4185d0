// A Hugging Face folder as a ModelFile: config.json into a ModelConfig, module names into GGUF's.
//
// As with GGUF, settings that change what the model computes and are not understood are refused.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/fail.h"
#include "format/printable.h"
#include "format/safetensors.h"
#include "model/local/model_file_layout.h"
#include "model/local/safetensors_names.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxConfigBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxIndexBytes = std::size_t{64} << 20;
constexpr int kMaxJsonDepth = 16;

std::string read_text(const std::string& path, std::size_t max_bytes) {
  const MappedFile file(path);
  if (file.bytes().size() > max_bytes) {
    fail(ErrorKind::kBadInput, "'{}' is {} bytes long, the limit is {}", path, file.bytes().size(),
         max_bytes);
  }
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Json read_json_object(const std::string& path, std::size_t max_bytes) {
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxJsonDepth) fail(ErrorKind::kBadInput, "'{}': JSON nested too deep", path);
    return true;
  };
  const std::string text = read_text(path, max_bytes);
  try {
    Json json = Json::parse(text, shallow);
    if (json.is_object()) return json;
  } catch (const Json::parse_error& error) {
    fail(ErrorKind::kBadInput, "'{}' is not valid JSON at byte {}", path, error.byte);
  } catch (const Json::exception&) {  // numbers out of range
    fail(ErrorKind::kBadInput, "'{}' holds a number that is out of range", path);
  }
  fail(ErrorKind::kBadInput, "'{}' is not a JSON object", path);
}

// Typed access to one JSON object; a missing key and null are the same.
class Settings {
 public:
  Settings(const Json& json, const std::string& path) : json_(json), path_(path) {}

  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  std::int32_t integer(const char* key, std::optional<std::int32_t> fallback = std::nullopt) const {
    const Json* value = find(key);
    if (value == nullptr && fallback) return *fallback;
    if (value == nullptr) missing(key);
    if (!value->is_number_integer() || *value < 0 || *value > INT32_MAX) wrong(key, "an integer");
    return value->get<std::int32_t>();
  }
  double number(const char* key, std::optional<double> fallback = std::nullopt) const {
    const Json* value = find(key);
    if (value == nullptr && fallback) return *fallback;
    if (value == nullptr) missing(key);
    if (!value->is_number()) wrong(key, "a number");
    return value->get<double>();
  }
  bool boolean(const char* key, bool fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) wrong(key, "true or false");
    return value->get<bool>();
  }
  std::string text(const char* key, const std::string& fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) wrong(key, "a string");
    return value->get<std::string>();
  }
  std::vector<float> numbers(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) missing(key);
    std::vector<float> out;
    for (const Json& element : *value) {
      if (!value->is_array() || !element.is_number()) wrong(key, "a list of numbers");
      out.push_back(element.get<float>());
    }
    return out;
  }
  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void missing(const char* key) const {
    fail(ErrorKind::kBadInput, "'{}': '{}' is missing", path_, key);
  }
  [[noreturn]] void wrong(const char* key, const char* expected) const {
    fail(ErrorKind::kBadInput, "'{}': '{}' is not {}", path_, key, expected);
  }

  const Json& json_;
  const std::string& path_;
};

Architecture read_architecture(const Settings& settings) {
  const Json* list = settings.find("architectures");
  std::string name;
  if (list != nullptr && list->is_array() && list->size() == 1 && list->front().is_string()) {
    name = list->front().get<std::string>();
  }
  if (name == "LlamaForCausalLM") return Architecture::kLlama;
  if (name == "Qwen2ForCausalLM") return Architecture::kQwen2;
  if (name == "Qwen3ForCausalLM") return Architecture::kQwen3;
  fail(ErrorKind::kBadInput,
       "'{}': architecture '{}' is not supported; memagent runs LlamaForCausalLM, "
       "Qwen2ForCausalLM and Qwen3ForCausalLM",
       settings.path(), printable(name));
}

std::vector<float> read_llama3_factors(const Settings& scaling, const ModelConfig& config) {
  Llama3Scaling numbers;
  numbers.factor = scaling.number("factor");
  numbers.low = scaling.number("low_freq_factor");
  numbers.high = scaling.number("high_freq_factor");
  numbers.context = scaling.number("original_max_position_embeddings");
  if (!(numbers.factor >= 1 && numbers.low > 0 && numbers.high > numbers.low &&
        numbers.context > 0)) {
    fail(ErrorKind::kBadInput, "'{}': rope scaling numbers {}, {}, {}, {} make no sense",
         scaling.path(), numbers.factor, numbers.low, numbers.high, numbers.context);
  }
  return llama3_rope_factors(numbers, config);
}

void read_rope(const Settings& settings, ModelConfig& config) {
  // transformers 5 moved both into one object.
  const Json* object = settings.find("rope_parameters");
  if (object == nullptr) object = settings.find("rope_scaling");
  config.rope_theta = static_cast<float>(settings.number("rope_theta", 10000.0));
  if (object == nullptr) return;
  if (!object->is_object()) {
    fail(ErrorKind::kBadInput, "'{}': the rope settings are not an object", settings.path());
  }
  const Settings scaling(*object, settings.path());
  config.rope_theta = static_cast<float>(scaling.number("rope_theta", config.rope_theta));
  const std::string type = scaling.text("rope_type", scaling.text("type", "default"));
  if (type == "default") return;
  if (type == "linear") {
    config.rope_factors.assign(static_cast<std::size_t>(config.head_dim / 2),
                               static_cast<float>(scaling.number("factor")));
  } else if (type == "llama3") {
    config.rope_factors = read_llama3_factors(scaling, config);
  } else if (type == "memagent_factors") {
    config.rope_factors = scaling.numbers("factors");
  } else {
    fail(ErrorKind::kBadInput, "'{}': rope scaling '{}' is not supported, only linear and llama3",
         settings.path(), printable(type));
  }
}

void refuse_what_is_not_known(const Settings& settings) {
  const auto refuse = [&](const char* what) {
    fail(ErrorKind::kBadInput, "'{}': {}, which is not supported", settings.path(), what);
  };
  if (settings.text("hidden_act", "silu") != "silu") refuse("the activation is not silu");
  if (settings.boolean("attention_bias", false)) refuse("attention_bias is set");
  if (settings.boolean("mlp_bias", false)) refuse("mlp_bias is set");
  if (settings.boolean("use_sliding_window", false)) refuse("use_sliding_window is set");
  if (settings.find("quantization_config") != nullptr) refuse("the weights are quantised");
}

ModelConfig read_config(const std::string& path) {
  const Json json = read_json_object(path, kMaxConfigBytes);
  const Settings settings(json, path);
  ModelConfig config;
  config.architecture = read_architecture(settings);
  refuse_what_is_not_known(settings);
  config.num_layers = settings.integer("num_hidden_layers");
  config.model_dim = settings.integer("hidden_size");
  config.num_heads = settings.integer("num_attention_heads");
  config.num_kv_heads = settings.integer("num_key_value_heads", config.num_heads);
  const bool qwen3 = config.architecture == Architecture::kQwen3;
  const std::int32_t usual = config.model_dim / std::max(config.num_heads, 1);
  config.head_dim = settings.integer("head_dim", qwen3 ? 128 : usual);
  config.ffn_dim = settings.integer("intermediate_size");
  config.vocab_size = settings.integer("vocab_size");
  config.context_tokens = settings.integer("max_position_embeddings");
  config.rms_epsilon = static_cast<float>(settings.number("rms_norm_eps", 1e-6));
  config.rotary_pairs = RotaryPairs::kHalves;
  config.query_key_norm = qwen3;
  config.qkv_bias = config.architecture == Architecture::kQwen2;
  config.tied_output = settings.boolean("tie_word_embeddings", false);
  check_config(config, path);
  read_rope(settings, config);
  check_config(config, path);
  return config;
}

// The files of the folder that hold tensors. One file goes before several, as in transformers.
std::vector<std::string> weight_files(const std::string& folder) {
  const std::string single = folder + "/model.safetensors";
  const std::string index = folder + "/model.safetensors.index.json";
  std::error_code error;
  if (fs::exists(single, error)) return {single};
  if (!fs::exists(index, error)) {
    fail(ErrorKind::kBadInput,
         "'{}' has neither model.safetensors nor model.safetensors.index.json; give a GGUF file or "
         "a Hugging Face folder with safetensors",
         folder);
  }
  const Json json = read_json_object(index, kMaxIndexBytes);
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) {
    fail(ErrorKind::kBadInput, "'{}': 'weight_map' is missing or not an object", index);
  }
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) {
      fail(ErrorKind::kBadInput, "'{}': the file of '{}' is not a string", index,
           printable(tensor));
    }
    names.insert(file.get<std::string>());
  }
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (name.empty() || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      fail(ErrorKind::kBadInput, "'{}': '{}' is not the name of a file in the folder", index,
           printable(name));
    }
    out.push_back(fmt::format("{}/{}", folder, name));
  }
  return out;
}

std::optional<TensorType> float_type(const std::string& dtype) {
  if (dtype == "F32") return TensorType::kF32;
  if (dtype == "F16") return TensorType::kF16;
  if (dtype == "BF16") return TensorType::kBF16;
  return std::nullopt;
}

// Kernels read whole elements; the format lets them lie anywhere.
std::span<const std::byte> aligned_data(std::span<const std::byte> data, TensorType type,
                                        ModelParts& parts) {
  const auto element = static_cast<std::size_t>(block_size(type).bytes);
  if (reinterpret_cast<std::uintptr_t>(data.data()) % element == 0) return data;
  auto copy = std::make_shared<const std::vector<std::byte>>(data.begin(), data.end());
  parts.copies.push_back(copy);
  return *copy;
}

void add_file(const std::string& path, ModelParts& parts) {
  auto file = std::make_shared<const MappedFile>(path);
  const Safetensors container = parse_safetensors(file->bytes(), path);
  parts.files.push_back(std::move(file));
  for (const SafetensorsEntry& entry : container.tensors) {
    // Rotary frequencies that old checkpoints carry along follow from the configuration.
    if (entry.name.ends_with(".rotary_emb.inv_freq")) continue;
    if (entry.name == "lm_head.weight" && parts.config.tied_output) continue;
    const std::string name = gguf_name(entry.name);
    if (name.empty()) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' has no place in a {} model", path,
           printable(entry.name), to_string(parts.config.architecture));
    }
    const auto type = float_type(entry.dtype);
    if (!type) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' is {}, expected F32, F16 or BF16", path,
           printable(entry.name), entry.dtype);
    }
    const auto data = aligned_data(entry.data, *type, parts);
    if (!parts.tensors.emplace(name, TensorView{name, *type, entry.shape, data}).second) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' appears in two files", path,
           printable(entry.name));
    }
  }
}

// With a token for each of `rows`: embeddings are often padded beyond the vocabulary, and nothing
// keeps a model from saying what it has no token for.
std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& folder, std::int32_t rows) {
  std::error_code error;
  for (const char* name : {"/tokenizer.json", "/tokenizer.model"}) {
    if (!fs::exists(folder + name, error)) continue;
    auto tokenizer = load_tokenizer(folder + name);
    const Vocabulary* vocabulary = vocabulary_of(*tokenizer);
    if (vocabulary == nullptr || tokenizer->vocab_size() >= rows) return tokenizer;
    Vocabulary padded = *vocabulary;
    pad_vocabulary(padded, rows);
    return make_tokenizer(std::move(padded), folder + name);
  }
  return nullptr;
}

std::string read_chat_template(const std::string& folder) {
  std::error_code error;
  const std::string jinja = folder + "/chat_template.jinja";
  if (fs::exists(jinja, error)) return read_text(jinja, kMaxConfigBytes);
  const std::string path = folder + "/tokenizer_config.json";
  if (!fs::exists(path, error)) return {};
  const Json json = read_json_object(path, kMaxIndexBytes);
  const auto found = json.find("chat_template");
  if (found == json.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return {};
  for (const Json& entry : *found) {  // several templates by name
    if (!entry.is_object() || entry.value("name", Json()) != "default") continue;
    const auto text = entry.find("template");
    if (text != entry.end() && text->is_string()) return text->get<std::string>();
  }
  return {};
}

}  // namespace

std::unique_ptr<ModelFile> open_safetensors_model(const std::string& given) {
  const std::string folder =
      given.size() > 1 && given.ends_with('/') ? given.substr(0, given.size() - 1) : given;
  ModelParts parts;
  parts.path = folder;
  parts.name = fs::path(folder).filename().string();
  const std::string config = folder + "/config.json";
  std::error_code error;
  if (!fs::exists(config, error)) {
    fail(ErrorKind::kBadInput,
         "'{}' has no config.json; give a GGUF file or a Hugging Face folder with safetensors",
         folder);
  }
  parts.config = read_config(config);
  for (const std::string& path : weight_files(folder)) add_file(path, parts);
  parts.tokenizer = read_tokenizer(folder, parts.config.vocab_size);
  parts.chat_template = read_chat_template(folder);
  return make_model_file(std::move(parts));
}

}  // namespace memagent
