// What a model file holds, for a person or a program.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "format/gguf.h"
#include "model/local/model_file_layout.h"
#include "model/local/model_notes.h"
#include "model/local/model_tools.h"
#include "model/local/shipped_model.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

std::string size_text(std::int64_t bytes) {
  constexpr double kMega = 1024.0 * 1024.0;
  return fmt::format("{} ({:.1f} MiB)", bytes, static_cast<double>(bytes) / kMega);
}

std::string rope_text(const ModelConfig& config) {
  const auto& factors = config.rope_factors;
  std::string text = fmt::format("base {}", config.rope_theta);
  if (factors.empty()) return text;
  const auto [least, most] = std::minmax_element(factors.begin(), factors.end());
  return text + fmt::format(", frequencies divided by {} to {}", *least, *most);
}

// A file's wording has as many lines as it likes.
std::string notes_text(const ModelNotes& notes) {
  std::string text;
  for (const auto& [key, value] : notes) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key,
                        key == "prompts" ? "of its own" : value);
  }
  return text;
}

}  // namespace

ModelInfo model_info(const std::string& path) {
  const auto model = open_model_file(path);
  ModelInfo info;
  info.path = path;
  info.name = model->name();
  info.config = model->config();
  std::error_code error;
  if (fs::is_directory(path, error)) {
    std::int64_t files = 0;
    for (const auto& entry : fs::directory_iterator(path, error)) {
      if (!entry.is_regular_file(error)) continue;
      info.file_bytes += static_cast<std::int64_t>(entry.file_size(error));
      if (entry.path().extension() == ".safetensors") ++files;
    }
    info.format = fmt::format("safetensors, {} file{}", files, files == 1 ? "" : "s");
  } else {
    const ModelBytes file(path);
    info.file_bytes = static_cast<std::int64_t>(file.bytes().size());
    const Gguf gguf = parse_gguf(file.bytes(), path);
    info.format = fmt::format("GGUF version {}", gguf.version);
    info.notes = notes_of(gguf);
  }
  for (const TensorView& tensor : model->tensors()) {
    std::int64_t parameters = 1;
    for (const std::int64_t dim : tensor.shape) parameters *= dim;
    info.parameters += parameters;
    info.tensor_bytes += static_cast<std::int64_t>(tensor.data.size());
    const auto seen = std::find_if(info.types.begin(), info.types.end(),
                                   [&](const auto& entry) { return entry.first == tensor.type; });
    if (seen == info.types.end()) {
      info.types.emplace_back(tensor.type, 1);
    } else {
      ++seen->second;
    }
  }
  info.has_vocabulary = model->tokenizer() != nullptr;
  info.has_chat_template = !model->chat_template().empty();
  info.kv_bytes_per_token = std::int64_t{2} * 2 * info.config.num_layers *
                            info.config.num_kv_heads * info.config.head_dim;
  return info;
}

std::string model_info_text(const ModelInfo& info) {
  const ModelConfig& config = info.config;
  std::string types;
  for (const auto& [type, count] : info.types) {
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count, to_string(type));
  }
  std::string out;
  const auto line = [&](const char* key, const std::string& value) {
    out += fmt::format("{:<14} {}\n", fmt::format("{}:", key), value);
  };
  line("file", info.path);
  line("name", info.name);
  line("format", info.format);
  line("architecture", to_string(config.architecture));
  line("parameters", fmt::format("{}", info.parameters));
  line("size", size_text(info.file_bytes));
  line("tensors", types);
  line("layers", fmt::format("{}", config.num_layers));
  line("width", fmt::format("{}", config.model_dim));
  line("heads", fmt::format("{} of {}, {} for keys and values", config.num_heads, config.head_dim,
                            config.num_kv_heads));
  line("feed-forward", fmt::format("{}", config.ffn_dim));
  line("vocabulary", fmt::format("{} tokens{}", config.vocab_size,
                                 info.has_vocabulary ? "" : ", not in the file"));
  line("output", config.tied_output ? "the token embedding" : "a matrix of its own");
  line("context", fmt::format("{} tokens", config.context_tokens));
  line("rotary", rope_text(config));
  line("chat template", info.has_chat_template ? "yes" : "no");
  if (!info.notes.empty()) line("read with", notes_text(info.notes));
  line("KV cache", fmt::format("{} bytes a token at 16 bits", info.kv_bytes_per_token));
  return out;
}

}  // namespace memagent
