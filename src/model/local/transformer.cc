#include "model/local/transformer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "format/quant.h"

namespace memagent {
namespace {

bool is_integer(WeightFormat format) {
  return format == WeightFormat::kInt8 || format == WeightFormat::kInt8Offset ||
         format == WeightFormat::kInt8Halves;
}

// Multiply-adds that are worth handing to another thread: about a microsecond's.
constexpr std::int64_t kWorthSharing = 1 << 16;

// Items of `cost` multiply-adds each that make a part.
std::int64_t grain_for(std::int64_t cost) {
  return std::max<std::int64_t>(kWorthSharing / std::max<std::int64_t>(cost, 1), 1);
}

}  // namespace

Transformer::Transformer(std::shared_ptr<const Weights> weights, ThreadPool& pool,
                         std::int32_t max_tokens)
    : weights_(std::move(weights)),
      config_(weights_->config),
      kernels_(*weights_->kernels),
      pool_(pool) {
  const auto tokens = static_cast<std::size_t>(max_tokens);
  const auto head_dim = static_cast<std::size_t>(config_.head_dim);
  const std::size_t query_dim = static_cast<std::size_t>(config_.num_heads) * head_dim;
  const std::size_t kv_dim = static_cast<std::size_t>(config_.num_kv_heads) * head_dim;
  x_.resize(tokens * static_cast<std::size_t>(config_.model_dim));
  normed_.resize(x_.size());
  query_.resize(tokens * query_dim);
  attended_.resize(tokens * query_dim);
  key_.resize(tokens * kv_dim);
  value_.resize(tokens * kv_dim);
  gate_.resize(tokens * static_cast<std::size_t>(config_.ffn_dim));
  up_.resize(gate_.size());
  angles_.resize(tokens * head_dim);
  for (std::int32_t i = 0; i < config_.head_dim / 2; ++i) {
    double frequency =
        std::pow(static_cast<double>(config_.rope_theta), -2.0 * i / config_.head_dim);
    if (!config_.rope_factors.empty()) {
      frequency /= static_cast<double>(config_.rope_factors[static_cast<std::size_t>(i)]);
    }
    frequencies_.push_back(frequency);
  }
  attention_scratch_.assign(
      static_cast<std::size_t>(pool_.size()),
      std::vector<float>(static_cast<std::size_t>(attention_scratch_floats(config_.head_dim))));
  page_pointers_.resize(static_cast<std::size_t>(pool_.size()));
}

template <typename Body>
void Transformer::for_rows(std::int64_t rows, const Body& body) {
  // Around ten operations an element, on rows about as long as the model is wide.
  const std::int64_t grain = grain_for(std::int64_t{10} * config_.model_dim);
  pool_.parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) body(row);
  });
}

std::span<const float> Transformer::forward(std::span<const TokenRun> runs, KvCache& cache) {
  plan(runs);
  embed(runs);
  const std::int64_t dim = config_.model_dim;
  auto rows = static_cast<std::int64_t>(tokens_.size());
  const auto norm = [&](const std::vector<float>& weight) {
    for_rows(rows, [&](std::int64_t row) {
      kernels_.rms_norm(x_.data() + row * dim, weight.data(), dim, config_.rms_epsilon,
                        normed_.data() + row * dim);
    });
  };

  for (std::int32_t index = 0; index < config_.num_layers; ++index) {
    const LayerWeights& layer = weights_->layers[static_cast<std::size_t>(index)];
    const Target query{&layer.query, query_.data()};
    const Target key{&layer.key, key_.data()};
    const Target value{&layer.value, value_.data()};
    norm(layer.attention_norm);
    if (index + 1 < config_.num_layers) {
      project(std::array{query, key, value}, normed_.data(), rows, false);
      place_keys(layer, index, runs, cache);
    } else {
      // What comes of the others is keys and values alone: nothing reads the rest.
      project(std::array{key, value}, normed_.data(), rows, false);
      place_keys(layer, index, runs, cache);
      rows = keep_wanted(runs);
      if (rows == 0) return {};
      project(std::array{query}, normed_.data(), rows, false);
    }
    turn_queries(layer);
    attend(index, runs, cache);
    project(std::array{Target{&layer.attention_output, x_.data()}}, attended_.data(), rows, true);

    norm(layer.ffn_norm);
    project(std::array{Target{&layer.gate, gate_.data()}, Target{&layer.up, up_.data()}},
            normed_.data(), rows, false);
    for_rows(rows, [&](std::int64_t row) {
      float* gate = gate_.data() + row * config_.ffn_dim;
      kernels_.silu_mul(gate, up_.data() + row * config_.ffn_dim, config_.ffn_dim, gate);
    });
    project(std::array{Target{&layer.down, x_.data()}}, gate_.data(), rows, true);
  }

  norm(weights_->output_norm);
  logits_.resize(static_cast<std::size_t>(rows * config_.vocab_size));
  project(std::array{Target{&weights_->output, logits_.data()}}, normed_.data(), rows, false);
  return logits_;
}

void Transformer::plan(std::span<const TokenRun> runs) {
  tokens_.clear();
  jobs_.clear();
  const std::int32_t group = config_.num_heads / config_.num_kv_heads;
  const std::int32_t tokens_a_job = std::max(kMaxAttentionRows / group, 1);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const TokenRun& run = runs[r];
    const auto count = static_cast<std::int32_t>(run.tokens.size());
    const auto first_row = static_cast<std::int32_t>(tokens_.size());
    MEMAGENT_CHECK(static_cast<std::int64_t>(run.pages.size()) * kPageTokens >=
                       std::int64_t{run.first_position} + count,
                   "{} pages for {} tokens", run.pages.size(), run.first_position + count);
    for (std::int32_t t = 0; t < count; ++t) {
      tokens_.push_back({static_cast<std::int32_t>(r), run.first_position + t});
    }
    for (std::int32_t first = 0; first < count; first += tokens_a_job) {
      for (std::int32_t head = 0; head < config_.num_kv_heads; ++head) {
        jobs_.push_back({static_cast<std::int32_t>(r), first, first_row + first,
                         std::min(tokens_a_job, count - first), head});
      }
    }
  }
  MEMAGENT_CHECK(tokens_.size() * static_cast<std::size_t>(config_.model_dim) <= x_.size(),
                 "a batch of {} tokens", tokens_.size());
  longest_jobs_first(runs);
}

// So that threads end together.
void Transformer::longest_jobs_first(std::span<const TokenRun> runs) {
  std::ranges::stable_sort(jobs_, [&](const Job& a, const Job& b) {
    return runs[static_cast<std::size_t>(a.run)].first_position + a.first_token >
           runs[static_cast<std::size_t>(b.run)].first_position + b.first_token;
  });
}

void Transformer::embed(std::span<const TokenRun> runs) {
  const TensorView& table = weights_->token_embedding;
  const std::size_t row_bytes = table.data.size() / static_cast<std::size_t>(config_.vocab_size);
  const std::int64_t dim = config_.model_dim;
  const std::int32_t half = config_.head_dim / 2;
  std::vector<TokenId> ids;
  for (const TokenRun& run : runs) ids.insert(ids.end(), run.tokens.begin(), run.tokens.end());
  for_rows(static_cast<std::int64_t>(ids.size()), [&](std::int64_t row) {
    const auto id = static_cast<std::size_t>(ids[static_cast<std::size_t>(row)]);
    dequantize_row(
        table.type, table.data.subspan(id * row_bytes, row_bytes),
        std::span(x_).subspan(static_cast<std::size_t>(row * dim), static_cast<std::size_t>(dim)));
    float* angles = angles_.data() + row * config_.head_dim;
    const double position = tokens_[static_cast<std::size_t>(row)].position;
    for (std::int32_t i = 0; i < half; ++i) {
      const double angle = position * frequencies_[static_cast<std::size_t>(i)];
      angles[i] = static_cast<float>(std::cos(angle));
      angles[half + i] = static_cast<float>(std::sin(angle));
    }
  });
}

void Transformer::rotate(float* head, const float* angles) const {
  const std::int32_t half = config_.head_dim / 2;
  const bool halves = config_.rotary_pairs == RotaryPairs::kHalves;
  for (std::int32_t i = 0; i < half; ++i) {
    float& a = head[halves ? i : 2 * i];
    float& b = head[halves ? i + half : 2 * i + 1];
    const float turned = a * angles[i] - b * angles[half + i];
    b = a * angles[half + i] + b * angles[i];
    a = turned;
  }
}

// Bias, norm and rotation of keys; keys and values into their pages.
void Transformer::place_keys(const LayerWeights& layer, std::int32_t index,
                             std::span<const TokenRun> runs, KvCache& cache) {
  const std::int64_t head_dim = config_.head_dim;
  const std::int64_t kv_dim = config_.num_kv_heads * head_dim;
  for_rows(static_cast<std::int64_t>(tokens_.size()), [&](std::int64_t row) {
    const Token& token = tokens_[static_cast<std::size_t>(row)];
    const float* angles = angles_.data() + row * head_dim;
    float* key = key_.data() + row * kv_dim;
    float* value = value_.data() + row * kv_dim;
    if (!layer.key_bias.empty()) {
      kernels_.add(key, layer.key_bias.data(), kv_dim);
      kernels_.add(value, layer.value_bias.data(), kv_dim);
    }
    const PageId page = runs[static_cast<std::size_t>(token.run)]
                            .pages[static_cast<std::size_t>(token.position / kPageTokens)];
    const std::int32_t slot = token.position % kPageTokens;
    for (std::int32_t h = 0; h < config_.num_kv_heads; ++h) {
      float* head = key + h * head_dim;
      if (!layer.key_norm.empty()) {
        kernels_.rms_norm(head, layer.key_norm.data(), head_dim, config_.rms_epsilon, head);
      }
      rotate(head, angles);
      kernels_.to_half(head, head_dim, cache.keys(page, index, h) + slot, kPageTokens);
      kernels_.to_half(value + h * head_dim, head_dim,
                       cache.values(page, index, h) + slot * head_dim, 1);
    }
  });
}

// Keeps the rows whose logits are wanted, each the last of its run, and moves them to the front.
std::int64_t Transformer::keep_wanted(std::span<const TokenRun> runs) {
  const auto dim = static_cast<std::size_t>(config_.model_dim);
  const auto head_dim = static_cast<std::size_t>(config_.head_dim);
  std::size_t kept = 0;
  std::size_t end = 0;
  jobs_.clear();
  for (std::size_t r = 0; r < runs.size(); ++r) {
    end += runs[r].tokens.size();
    if (!runs[r].wants_logits) continue;
    const std::size_t row = end - 1;
    const auto move = [&](std::vector<float>& of, std::size_t width) {
      std::copy_n(of.data() + row * width, width, of.data() + kept * width);
    };
    if (row != kept) {
      move(x_, dim);
      move(normed_, dim);
      move(angles_, head_dim);
      tokens_[kept] = tokens_[row];
    }
    for (std::int32_t head = 0; head < config_.num_kv_heads; ++head) {
      jobs_.push_back({static_cast<std::int32_t>(r),
                       static_cast<std::int32_t>(runs[r].tokens.size()) - 1,
                       static_cast<std::int32_t>(kept), 1, head});
    }
    ++kept;
  }
  tokens_.resize(kept);
  longest_jobs_first(runs);
  return static_cast<std::int64_t>(kept);
}

// Bias, norm, rotation and scale of queries.
void Transformer::turn_queries(const LayerWeights& layer) {
  const std::int64_t head_dim = config_.head_dim;
  const std::int64_t query_dim = config_.num_heads * head_dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  for_rows(static_cast<std::int64_t>(tokens_.size()), [&](std::int64_t row) {
    float* query = query_.data() + row * query_dim;
    if (!layer.query_bias.empty()) kernels_.add(query, layer.query_bias.data(), query_dim);
    for (std::int32_t h = 0; h < config_.num_heads; ++h) {
      float* head = query + h * head_dim;
      if (!layer.query_norm.empty()) {
        kernels_.rms_norm(head, layer.query_norm.data(), head_dim, config_.rms_epsilon, head);
      }
      rotate(head, angles_.data() + row * head_dim);
      for (std::int64_t d = 0; d < head_dim; ++d) head[d] *= scale;
    }
  });
}

void Transformer::attend(std::int32_t layer, std::span<const TokenRun> runs, KvCache& cache) {
  std::int64_t longest = 0;
  for (const TokenRun& run : runs) {
    longest = std::max(longest, run.first_position + static_cast<std::int64_t>(run.tokens.size()));
  }
  // Jobs differ in size; where even the largest are small, all of them are one thread's.
  const std::int64_t grain = grain_for(2 * longest * config_.head_dim * jobs_.front().num_tokens *
                                       (config_.num_heads / config_.num_kv_heads));
  pool_.parallel_for(static_cast<std::int64_t>(jobs_.size()), grain,
                     [&](std::int64_t begin, std::int64_t end, int thread) {
                       for (std::int64_t job = begin; job < end; ++job) {
                         run_job(jobs_[static_cast<std::size_t>(job)], layer, runs, cache, thread);
                       }
                     });
}

void Transformer::run_job(const Job& job, std::int32_t layer, std::span<const TokenRun> runs,
                          const KvCache& cache, int thread) {
  const TokenRun& run = runs[static_cast<std::size_t>(job.run)];
  const std::int32_t group = config_.num_heads / config_.num_kv_heads;
  const std::int64_t head_dim = config_.head_dim;
  const std::int64_t query_dim = config_.num_heads * head_dim;

  const std::int32_t longest = run.first_position + job.first_token + job.num_tokens;
  const std::int32_t num_pages = (longest + kPageTokens - 1) / kPageTokens;
  auto& pointers = page_pointers_[static_cast<std::size_t>(thread)];
  pointers.resize(2 * static_cast<std::size_t>(num_pages));
  for (std::int32_t p = 0; p < num_pages; ++p) {
    const PageId page = run.pages[static_cast<std::size_t>(p)];
    pointers[static_cast<std::size_t>(p)] = cache.keys(page, layer, job.kv_head);
    pointers[static_cast<std::size_t>(num_pages) + static_cast<std::size_t>(p)] =
        cache.values(page, layer, job.kv_head);
  }

  std::array<const float*, kMaxAttentionRows> queries;
  std::array<float*, kMaxAttentionRows> outputs;
  std::array<std::int32_t, kMaxAttentionRows> lengths;
  // A group wider than a job is split over several calls; usually there is one.
  std::int32_t rows = 0;
  const auto flush = [&] {
    if (rows == 0) return;
    const AttentionJob attention{.key_pages = pointers.data(),
                                 .value_pages = pointers.data() + num_pages,
                                 .head_dim = config_.head_dim,
                                 .rows = rows,
                                 .queries = queries.data(),
                                 .outputs = outputs.data(),
                                 .lengths = lengths.data()};
    kernels_.attention(attention, attention_scratch_[static_cast<std::size_t>(thread)].data());
    rows = 0;
  };
  for (std::int32_t t = 0; t < job.num_tokens; ++t) {
    for (std::int32_t g = 0; g < group; ++g) {
      const std::int64_t at = (std::int64_t{job.first_row} + t) * query_dim +
                              (std::int64_t{job.kv_head} * group + g) * head_dim;
      const auto row = static_cast<std::size_t>(rows);
      queries[row] = query_.data() + at;
      outputs[row] = attended_.data() + at;
      lengths[row] = run.first_position + job.first_token + t + 1;
      if (++rows == kMaxAttentionRows) flush();
    }
  }
  flush();
}

void Transformer::project(std::span<const Target> targets, const float* input, std::int64_t rows,
                          bool accumulate) {
  const std::int64_t inputs = targets.front().matrix->view().inputs;
  const bool quantize = std::ranges::any_of(
      targets, [](const Target& target) { return is_integer(target.matrix->view().format); });
  if (quantize) {
    quantized_.resize(rows, inputs);
    pool_.parallel_for(rows, grain_for(4 * inputs), [&](std::int64_t begin, std::int64_t end, int) {
      kernels_.quantize_rows(input, inputs, begin, end, quantized_);
    });
  }
  std::int64_t panels = 0;
  for (const Target& target : targets) panels += target.matrix->view().panels();
  const std::int64_t grain =
      std::max(panels / (std::int64_t{6} * pool_.size()), grain_for(rows * inputs * kPanelColumns));
  pool_.parallel_for(panels, grain, [&](std::int64_t begin, std::int64_t end, int) {
    std::int64_t first = 0;  // of the target among all panels
    for (const Target& target : targets) {
      const PackedMatrix& matrix = target.matrix->view();
      const std::int64_t from = std::max(begin - first, std::int64_t{0});
      const std::int64_t to = std::min(end - first, matrix.panels());
      first += matrix.panels();
      if (from >= to) continue;
      if (is_integer(matrix.format)) {
        kernels_.matmul_int8(matrix, quantized_, from, to, target.out, matrix.columns, accumulate);
      } else {
        kernels_.matmul_float(matrix, input, rows, from, to, target.out, matrix.columns,
                              accumulate);
      }
    }
  });
}

}  // namespace memagent
