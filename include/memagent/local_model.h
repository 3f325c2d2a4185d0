// A model file run by memagent's own CPU engine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "memagent/language_model.h"

namespace memagent {

struct LocalModelOptions {
  std::int32_t threads = 0;         // 0: one per core
  std::int32_t context_tokens = 0;  // 0: what the file says, at most 32,768
  std::int32_t max_running = 64;    // requests decoded together
  std::int64_t kv_cache_bytes =
      0;  // 0: enough for one full context per running request, at most 1 GiB
  // Tokens of shared prompt beginnings kept for later requests; 0: one context.
  std::int64_t retained_prefix_tokens = 0;
  // Off: every prompt is computed whole, whatever others begin with. Results are the same; for
  // measuring what sharing saves.
  bool share_prefixes = true;
  std::int32_t prefill_chunk = 512;  // prompt tokens worked on between decode steps
};

// Opens a GGUF file, or a folder with Hugging Face safetensors, config.json and tokenizer.json.
// Throws Error(kBadInput) naming file, key, expected and found.
std::unique_ptr<LanguageModel> open_local_model(const std::string& path,
                                                const LocalModelOptions& options = {});

}  // namespace memagent
