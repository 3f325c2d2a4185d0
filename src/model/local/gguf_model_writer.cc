#include "model/local/gguf_model_writer.h"

#include <algorithm>

#include "base/check.h"
#include "base/fail.h"
#include "model/local/model_file_layout.h"
#include "model/local/model_notes.h"
#include "text/gguf_vocabulary.h"

namespace memagent {
std::uint32_t gguf_file_type(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return 0;
    case TensorType::kF16:
      return 1;
    case TensorType::kQ4_0:
      return 2;
    case TensorType::kQ4_1:
      return 3;
    case TensorType::kQ8_0:
      return 7;
    case TensorType::kQ5_0:
      return 8;
    case TensorType::kQ5_1:
      return 9;
    case TensorType::kQ4_K:
      return 14;
    case TensorType::kQ5_K:
      return 16;
    case TensorType::kQ6_K:
      return 18;
    case TensorType::kBF16:
      return 32;
  }
  return 0;
}

void begin_gguf_model(const GgufModelHead& head, std::span<const TensorType> types,
                      GgufWriter& writer) {
  const ModelConfig& config = head.config;
  const std::string architecture = to_string(config.architecture);
  writer.set_string("general.architecture", architecture);
  writer.set_string("general.name", head.name);
  writer.set_u32(kFileTypeKey, gguf_file_type(head.main_type));
  writer.set_u32(kLayoutVersionKey, kGgufLayoutVersion);
  const auto set = [&](const char* key, std::int32_t value) {
    writer.set_u32(architecture + "." + key, static_cast<std::uint32_t>(value));
  };
  set("block_count", config.num_layers);
  set("context_length", config.context_tokens);
  set("embedding_length", config.model_dim);
  set("feed_forward_length", config.ffn_dim);
  set("attention.head_count", config.num_heads);
  set("attention.head_count_kv", config.num_kv_heads);
  set("attention.key_length", config.head_dim);
  set("attention.value_length", config.head_dim);
  set("rope.dimension_count", config.head_dim);
  set("vocab_size", config.vocab_size);
  writer.set_f32(architecture + ".attention.layer_norm_rms_epsilon", config.rms_epsilon);
  writer.set_f32(architecture + ".rope.freq_base", config.rope_theta);

  const auto& factors = config.rope_factors;
  const bool linear = !factors.empty() && std::all_of(factors.begin(), factors.end(), [&](float f) {
    return f == factors.front();
  });
  const bool by_tensor = !factors.empty() && !linear;
  if (linear) {
    writer.set_string(architecture + ".rope.scaling.type", "linear");
    writer.set_f32(architecture + ".rope.scaling.factor", factors.front());
  }
  if (by_tensor && config.architecture != Architecture::kLlama) {
    fail(ErrorKind::kBadInput,
         "rotary frequencies scaled one by one cannot be written to GGUF for a {} model, only for "
         "llama",
         architecture);
  }
  if (head.vocabulary != nullptr) write_gguf_vocabulary(*head.vocabulary, writer);
  if (!head.chat_template.empty()) {
    writer.set_string("tokenizer.chat_template", head.chat_template);
  }
  for (const auto& [key, text] : head.notes) writer.set_string(kNotePrefix + key, text);

  if (by_tensor) {
    writer.add_tensor("rope_freqs.weight", TensorType::kF32,
                      {static_cast<std::int64_t>(factors.size())});
  }
  const std::vector<TensorSpec> specs = model_tensors(config);
  MEMAGENT_CHECK(specs.size() == types.size(), "{} tensors, {} types", specs.size(), types.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    writer.add_tensor(specs[i].name, types[i], specs[i].shape);
  }
  writer.begin();
  if (by_tensor) writer.write(std::as_bytes(std::span(factors)));
}

}  // namespace memagent
