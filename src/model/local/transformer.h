// One forward pass of a decoder over a batch of token runs, each at its place in its own sequence.
//
//   x = embedding;  per layer: x += attention(norm(x));  x += swiglu(norm(x));  logits = W norm(x)
//
// In the last layer only tokens whose logits are wanted go beyond their keys and values, which are
// all that later tokens ask of them: of eight layers reading takes little more than seven.
//
// Knows weights, kernels and KV pages; knows nothing of requests, sampling or scheduling. A run's
// results do not depend on the other runs of the batch nor on where its sequence was cut into runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "model/local/kv_cache.h"
#include "model/local/weights.h"

namespace memagent {

// Consecutive tokens of one sequence, whose earlier tokens are already in its pages.
struct TokenRun {
  std::span<const TokenId> tokens;  // at least one
  std::int32_t first_position = 0;
  std::span<const PageId> pages;  // room for first_position + tokens.size() positions
  bool wants_logits = false;      // of the last token
};

class Transformer {
 public:
  // `max_tokens`: most tokens of one forward pass.
  Transformer(std::shared_ptr<const Weights> weights, ThreadPool& pool, std::int32_t max_tokens);

  // Others of the same shape, from the next pass on.
  void use(std::shared_ptr<const Weights> weights) { weights_ = std::move(weights); }
  // Writes keys and values of all runs into `cache`; returns the logits of the runs that want them,
  // [number wanted][vocab_size], valid until the next call.
  std::span<const float> forward(std::span<const TokenRun> runs, KvCache& cache);

 private:
  struct Job {  // attention of some tokens of one run under one KV head
    std::int32_t run;
    std::int32_t first_token;  // in the run
    std::int32_t first_row;    // in the batch
    std::int32_t num_tokens;
    std::int32_t kv_head;
  };
  struct Target {
    const OwnedMatrix* matrix;
    float* out;
  };
  struct Token {
    std::int32_t run;
    std::int32_t position;
  };

  void plan(std::span<const TokenRun> runs);
  void longest_jobs_first(std::span<const TokenRun> runs);
  void embed(std::span<const TokenRun> runs);
  void attend(std::int32_t layer, std::span<const TokenRun> runs, KvCache& cache);
  void place_keys(const LayerWeights& layer, std::int32_t index, std::span<const TokenRun> runs,
                  KvCache& cache);
  void turn_queries(const LayerWeights& layer);
  std::int64_t keep_wanted(std::span<const TokenRun> runs);
  void rotate(float* head, const float* angles) const;
  void run_job(const Job& job, std::int32_t layer, std::span<const TokenRun> runs,
               const KvCache& cache, int thread);
  // targets (+)= matrices * input [rows][inputs], all with the same inputs.
  void project(std::span<const Target> targets, const float* input, std::int64_t rows,
               bool accumulate);
  template <typename Body>
  void for_rows(std::int64_t rows, const Body& body);

  std::shared_ptr<const Weights> weights_;
  const ModelConfig config_;
  const Kernels& kernels_;
  ThreadPool& pool_;

  // Scratch of one pass, [max_tokens][...] f32, reused by every pass.
  std::vector<float> x_;             // model_dim
  std::vector<float> normed_;        // model_dim
  std::vector<float> query_;         // num_heads * head_dim
  std::vector<float> key_;           // num_kv_heads * head_dim
  std::vector<float> value_;         // num_kv_heads * head_dim
  std::vector<float> attended_;      // num_heads * head_dim
  std::vector<float> gate_;          // ffn_dim
  std::vector<float> up_;            // ffn_dim
  std::vector<float> angles_;        // head_dim: cosines, then sines
  std::vector<double> frequencies_;  // [head_dim / 2]
  std::vector<float> logits_;
  QuantizedRows quantized_;
  std::vector<Token> tokens_;  // of the rows that are computed
  std::vector<Job> jobs_;
  std::vector<std::vector<float>> attention_scratch_;             // per thread
  std::vector<std::vector<const std::uint16_t*>> page_pointers_;  // per thread
};

}  // namespace memagent
