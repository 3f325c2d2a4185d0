// A model on disk, whatever its container: configuration, named tensors, vocabulary.
//
// Tensors keep GGUF's names ("blk.0.attn_q.weight") whichever container they come from. Every shape
// has been checked against the configuration before a ModelFile is handed out, and every byte of
// every tensor lies inside the mapped file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/tensor_view.h"
#include "memagent/tokenizer.h"

namespace memagent {

enum class Architecture { kLlama, kQwen2, kQwen3 };
const char* to_string(Architecture architecture);  // "llama", "qwen2", "qwen3"

// Which elements of a head a rotary angle turns.
enum class RotaryPairs {
  kAdjacent,  // (2i, 2i+1): Llama in GGUF, whose query and key rows are stored permuted
  kHalves,    // (i, i + head_dim/2): Qwen everywhere, Llama in safetensors
};

struct ModelConfig {
  Architecture architecture = Architecture::kQwen3;
  std::int32_t num_layers = 0;
  std::int32_t model_dim = 0;
  std::int32_t num_heads = 0;
  std::int32_t num_kv_heads = 0;
  std::int32_t head_dim = 0;  // need not be model_dim / num_heads (Qwen3)
  std::int32_t ffn_dim = 0;
  std::int32_t vocab_size = 0;
  std::int32_t context_tokens = 0;
  float rms_epsilon = 1e-6F;
  float rope_theta = 10000.0F;
  RotaryPairs rotary_pairs = RotaryPairs::kHalves;
  // [head_dim / 2] divisors of the rotary frequencies (Llama-3 scaling), or empty.
  std::vector<float> rope_factors;
  bool qkv_bias = false;
  bool query_key_norm = false;
  bool tied_output = false;  // the output matrix is the token embedding

  bool operator==(const ModelConfig&) const = default;
};

class ModelFile {
 public:
  virtual ~ModelFile() = default;
  virtual const ModelConfig& config() const = 0;
  // GGUF names: token_embd.weight [vocab, dim]; output.weight [vocab, dim] unless tied;
  // output_norm.weight [dim]; blk.N.{attn_norm,ffn_norm}.weight [dim];
  // blk.N.attn_{q,k,v}.weight [heads*head_dim, dim] and .bias; blk.N.attn_{q,k}_norm.weight
  // [head_dim]; blk.N.attn_output.weight [dim, heads*head_dim]; blk.N.ffn_{gate,up}.weight
  // [ffn, dim]; blk.N.ffn_down.weight [dim, ffn].
  // Throws std::logic_error for a name the configuration does not promise.
  virtual const TensorView& tensor(const std::string& name) const = 0;
  virtual const std::vector<TensorView>& tensors() const = 0;
  virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;  // null if the file has none
  virtual const std::string& chat_template() const = 0;            // empty if none
  virtual const std::string& name() const = 0;
  // Tensor data touched so far need not stay in memory: it has been copied, or will be read again.
  virtual void drop_pages() const {}
};

// A GGUF file or a Hugging Face folder. Throws Error(kBadInput): file, key, expected, found.
std::unique_ptr<ModelFile> open_model_file(const std::string& path);

}  // namespace memagent
