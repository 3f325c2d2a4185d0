// A model's weights, packed for the kernels. Read-only once loaded and shared by everything.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "model/local/kernels/kernels.h"
#include "model/local/kernels/pack.h"
#include "model/local/model_file.h"

namespace memagent {

struct LayerWeights {
  std::vector<float> attention_norm;  // [model_dim]
  OwnedMatrix query;                  // [num_heads * head_dim, model_dim]
  OwnedMatrix key;                    // [num_kv_heads * head_dim, model_dim]
  OwnedMatrix value;                  // [num_kv_heads * head_dim, model_dim]
  std::vector<float> query_bias;      // [num_heads * head_dim] or empty
  std::vector<float> key_bias;        // [num_kv_heads * head_dim] or empty
  std::vector<float> value_bias;      // [num_kv_heads * head_dim] or empty
  std::vector<float> query_norm;      // [head_dim] or empty
  std::vector<float> key_norm;        // [head_dim] or empty
  OwnedMatrix attention_output;       // [model_dim, num_heads * head_dim]
  std::vector<float> ffn_norm;        // [model_dim]
  OwnedMatrix gate;                   // [ffn_dim, model_dim]
  OwnedMatrix up;                     // [ffn_dim, model_dim]
  OwnedMatrix down;                   // [model_dim, ffn_dim]
};

struct Weights {
  ModelConfig config;
  const Kernels* kernels = nullptr;       // the table the matrices were packed for
  std::shared_ptr<const ModelFile> file;  // holds the token embedding, read row by row
  TensorView token_embedding;             // [vocab_size, model_dim], as in the file
  std::vector<LayerWeights> layers;
  std::vector<float> output_norm;  // [model_dim]
  OwnedMatrix output;              // [vocab_size, model_dim]
};

// Packs every matrix, panels side by side on the pool's threads. Throws Error(kBadInput) for a
// shape the kernels cannot work on.
std::shared_ptr<const Weights> load_weights(std::shared_ptr<const ModelFile> file,
                                            const Kernels& kernels, ThreadPool& pool);

}  // namespace memagent
