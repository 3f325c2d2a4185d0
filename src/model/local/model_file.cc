// The checks that every model passes before it is handed out, whatever container it came from.
#include "model/local/model_file.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "base/check.h"
#include "base/fail.h"
#include "format/printable.h"
#include "model/local/model_file_layout.h"

namespace memagent {
namespace {

class CheckedModelFile : public ModelFile {
 public:
  CheckedModelFile(ModelParts parts, std::vector<TensorView> tensors)
      : parts_(std::move(parts)), tensors_(std::move(tensors)) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
  }
  const ModelConfig& config() const override { return parts_.config; }
  const TensorView& tensor(const std::string& name) const override {
    const auto found = index_.find(name);
    MEMAGENT_CHECK(found != index_.end(), "no tensor '{}'", name);
    return tensors_[found->second];
  }
  const std::vector<TensorView>& tensors() const override { return tensors_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return parts_.tokenizer; }
  const std::string& chat_template() const override { return parts_.chat_template; }
  const std::string& name() const override { return parts_.name; }
  void drop_pages() const override {
    for (const auto& file : parts_.files) file->drop_pages();
  }

 private:
  ModelParts parts_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

void check_range(const std::string& path, const char* what, std::int64_t value, std::int64_t most) {
  if (value < 1 || value > most) {
    fail(ErrorKind::kBadInput, "'{}': {} is {}, expected 1 to {}", path, what, value, most);
  }
}

}  // namespace

const char* to_string(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama:
      return "llama";
    case Architecture::kQwen2:
      return "qwen2";
    case Architecture::kQwen3:
      return "qwen3";
  }
  return "unknown";
}

std::vector<TensorSpec> model_tensors(const ModelConfig& config) {
  const std::int64_t dim = config.model_dim;
  const std::int64_t query_dim = std::int64_t{config.num_heads} * config.head_dim;
  const std::int64_t kv_dim = std::int64_t{config.num_kv_heads} * config.head_dim;
  std::vector<TensorSpec> out{{"token_embd.weight", {config.vocab_size, dim}}};
  for (std::int32_t layer = 0; layer < config.num_layers; ++layer) {
    const auto add = [&](const char* name, std::vector<std::int64_t> shape) {
      out.push_back({fmt::format("blk.{}.{}", layer, name), std::move(shape)});
    };
    add("attn_norm.weight", {dim});
    add("attn_q.weight", {query_dim, dim});
    add("attn_k.weight", {kv_dim, dim});
    add("attn_v.weight", {kv_dim, dim});
    if (config.qkv_bias) {
      add("attn_q.bias", {query_dim});
      add("attn_k.bias", {kv_dim});
      add("attn_v.bias", {kv_dim});
    }
    if (config.query_key_norm) {
      add("attn_q_norm.weight", {config.head_dim});
      add("attn_k_norm.weight", {config.head_dim});
    }
    add("attn_output.weight", {dim, query_dim});
    add("ffn_norm.weight", {dim});
    add("ffn_gate.weight", {config.ffn_dim, dim});
    add("ffn_up.weight", {config.ffn_dim, dim});
    add("ffn_down.weight", {dim, config.ffn_dim});
  }
  out.push_back({"output_norm.weight", {dim}});
  if (!config.tied_output) out.push_back({"output.weight", {config.vocab_size, dim}});
  return out;
}

void check_config(const ModelConfig& config, const std::string& path) {
  // Far above any model there is, and small enough that no product below can overflow.
  check_range(path, "the number of layers", config.num_layers, 4096);
  check_range(path, "the model's width", config.model_dim, 1 << 20);
  check_range(path, "the number of heads", config.num_heads, 1 << 14);
  check_range(path, "the number of key/value heads", config.num_kv_heads, config.num_heads);
  check_range(path, "the head's width", config.head_dim, 1 << 12);
  check_range(path, "the feed-forward width", config.ffn_dim, 1 << 24);
  check_range(path, "the vocabulary's size", config.vocab_size, 1 << 24);
  check_range(path, "the context length", config.context_tokens, INT32_MAX);
  if (config.num_heads % config.num_kv_heads != 0) {
    fail(ErrorKind::kBadInput, "'{}': {} heads cannot share {} key/value heads evenly", path,
         config.num_heads, config.num_kv_heads);
  }
  if (config.head_dim % 2 != 0) {
    fail(ErrorKind::kBadInput, "'{}': the head's width is {}, expected an even number", path,
         config.head_dim);
  }
  if (!(config.rms_epsilon >= 0.0F && config.rms_epsilon < 1.0F)) {
    fail(ErrorKind::kBadInput, "'{}': the norm's epsilon is {}, expected 0 to 1", path,
         config.rms_epsilon);
  }
  if (!(config.rope_theta >= 1.0F && std::isfinite(config.rope_theta))) {
    fail(ErrorKind::kBadInput, "'{}': the rotary base is {}, expected 1 or more", path,
         config.rope_theta);
  }
  const auto half_dim = static_cast<std::size_t>(config.head_dim / 2);
  if (!config.rope_factors.empty() && config.rope_factors.size() != half_dim) {
    fail(ErrorKind::kBadInput, "'{}': {} rotary factors, expected {}", path,
         config.rope_factors.size(), half_dim);
  }
  for (const float factor : config.rope_factors) {
    if (!(factor > 0.0F && std::isfinite(factor))) {
      fail(ErrorKind::kBadInput, "'{}': rotary factor {} is not a positive number", path, factor);
    }
  }
}

std::unique_ptr<ModelFile> make_model_file(ModelParts parts) {
  const std::string& path = parts.path;
  check_config(parts.config, path);
  std::vector<TensorView> tensors;
  for (TensorSpec& spec : model_tensors(parts.config)) {
    const auto found = parts.tensors.find(spec.name);
    if (found == parts.tensors.end()) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' is missing; a {} model has it", path, spec.name,
           to_string(parts.config.architecture));
    }
    if (found->second.shape != spec.shape) {
      fail(ErrorKind::kBadInput, "'{}': tensor '{}' has shape {}, expected {}", path, spec.name,
           shape_text(found->second.shape), shape_text(spec.shape));
    }
    found->second.name = spec.name;
    tensors.push_back(std::move(found->second));
    parts.tensors.erase(found);
  }
  if (!parts.tensors.empty()) {
    fail(ErrorKind::kBadInput,
         "'{}': tensor '{}' has no place in a {} model as memagent knows it; leaving it out would "
         "change what the model says",
         path, printable(parts.tensors.begin()->first), to_string(parts.config.architecture));
  }
  const std::int32_t rows = parts.config.vocab_size;
  if (parts.tokenizer != nullptr && parts.tokenizer->vocab_size() > rows) {
    fail(ErrorKind::kBadInput, "'{}': the vocabulary has {} tokens, the token embedding {} rows",
         path, parts.tokenizer->vocab_size(), rows);
  }
  return std::make_unique<CheckedModelFile>(std::move(parts), std::move(tensors));
}

std::unique_ptr<ModelFile> open_model_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return open_safetensors_model(path);
  return open_gguf_model(path);
}

}  // namespace memagent
