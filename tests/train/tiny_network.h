// A policy of a few thousand weights, which trains in milliseconds.
#pragma once

#include <filesystem>
#include <fstream>

#include "model/local/model_init_vocabulary.h"
#include "text/vocabulary.h"
#include "train/recipe.h"

namespace memagent {

// Makes `folder`, with a vocabulary of that size.
inline NetworkConfig tiny_network(const std::filesystem::path& folder, std::int32_t vocab_size) {
  std::filesystem::create_directories(folder);
  NetworkConfig network;
  network.tokenizer = (folder / "tokenizer.json").string();
  std::ofstream(network.tokenizer) << write_tokenizer_json(generate_vocabulary(vocab_size));
  network.num_layers = 1;
  network.model_dim = 32;
  network.num_heads = 2;
  network.num_kv_heads = 1;
  network.head_dim = 16;
  network.ffn_dim = 32;
  network.context_tokens = 4096;
  return network;
}

}  // namespace memagent
