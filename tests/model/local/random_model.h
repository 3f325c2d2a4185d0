// A small model made of random numbers, held in memory, as a ModelFile; and the same model computed
// in double by the definition. For tests of the engine.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/local/model_file.h"

namespace memagent::test {

struct RandomModelOptions {
  Architecture architecture = Architecture::kQwen3;
  TensorType type = TensorType::kF32;
  std::int32_t num_layers = 2;
  std::int32_t model_dim = 64;
  std::int32_t num_heads = 4;
  std::int32_t num_kv_heads = 2;
  std::int32_t head_dim = 16;
  std::int32_t ffn_dim = 96;
  std::int32_t context_tokens = 1024;
  bool tied_output = true;
  std::uint64_t seed = 1;
};

std::shared_ptr<const ModelFile> random_model(const RandomModelOptions& options);

enum class CacheType {
  kHalf,   // keys and values rounded to f16, as the engine's cache does
  kExact,  // as they are
};
// Log-probabilities [tokens][vocab_size] of every next token, in double. No activations are
// quantised.
std::vector<std::vector<double>> reference_logprobs(const ModelFile& model,
                                                    std::span<const TokenId> tokens,
                                                    CacheType cache = CacheType::kHalf);

}  // namespace memagent::test
