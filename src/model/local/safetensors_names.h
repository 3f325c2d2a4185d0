// How Hugging Face's folders call what GGUF calls otherwise: tensors, settings, vocabularies.
#pragma once

#include <string>
#include <vector>

#include "model/local/model_file.h"
#include "text/vocabulary.h"

namespace memagent {

// "model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight" and back; empty for other names.
std::string gguf_name(const std::string& hugging_face);
std::string hugging_face_name(const std::string& gguf);

// Llama 3's rule for the divisors of the rotary frequencies: wavelengths short against the original
// context stay, long ones are stretched by `factor`, those between are blended (apply_scaling in
// meta-llama's reference code).
struct Llama3Scaling {
  double factor = 8;
  double low = 1;
  double high = 4;
  double context = 8192;
};
std::vector<float> llama3_rope_factors(const Llama3Scaling& scaling, const ModelConfig& config);

// config.json. `type` is what most matrices are stored as; the vocabulary may be null.
std::string hugging_face_config(const ModelConfig& config, TensorType type,
                                const Vocabulary* vocabulary);
// tokenizer_config.json
std::string hugging_face_tokenizer_config(const Vocabulary& vocabulary,
                                          const std::string& chat_template);

// Hugging Face folders may have fewer tokens than embedding rows, GGUF files may not: appends
// unused tokens up to `size`.
void pad_vocabulary(Vocabulary& vocabulary, std::int32_t size);

}  // namespace memagent
