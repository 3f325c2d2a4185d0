#include "flops.h"

#include <torch/cuda.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

namespace memagent {

double forward_flops(const ModelConfig& config, const ForwardWork& work) {
  const auto d = static_cast<double>(config.model_dim);
  const double q = static_cast<double>(config.num_heads) * config.head_dim;
  const double kv = 2.0 * config.num_kv_heads * config.head_dim;
  const double keys = 2 * d * kv;
  const double rest = 4 * d * q + 6 * d * config.ffn_dim;
  return (config.num_layers - 1) * ((keys + rest) * work.tokens + 4 * q * work.attended) +
         keys * work.tokens + (rest + 2 * d * config.vocab_size) * work.rows +
         4 * q * work.rows_attended;
}

ForwardWork work_of(const PackedBatch& batch) {
  ForwardWork work;
  work.tokens = static_cast<double>(batch.num_tokens());
  work.rows = static_cast<double>(batch.rows.size());
  for (const std::int64_t position : batch.positions) {
    work.attended += static_cast<double>(position + 1);
  }
  for (const std::int64_t row : batch.rows) {
    work.rows_attended += static_cast<double>(batch.positions[static_cast<std::size_t>(row)] + 1);
  }
  return work;
}

ForwardWork work_of(const std::vector<Group>& groups) {
  ForwardWork work;
  for (const Group& group : groups) {
    for (const RolledOut& rolled : group.trajectories) {
      for (const Conversation& conversation : rolled.trajectory.conversations) {
        const GenerationResult& response = conversation.response;
        const auto found = static_cast<double>(response.cached_prompt_tokens);
        const auto end = static_cast<double>(response.prompt_tokens + response.generated_tokens);
        const auto prompt = static_cast<double>(response.prompt_tokens);
        const auto pairs_to = [](double tokens) { return 0.5 * tokens * (tokens + 1); };
        work.tokens += end - found;
        work.attended += pairs_to(end) - pairs_to(found);
        // The prompt's last token predicts the first of the response.
        work.rows += static_cast<double>(response.generated_tokens);
        work.rows_attended += pairs_to(end - 1) - pairs_to(prompt - 1);
      }
    }
  }
  return work;
}

double now(Seconds seconds) {
  if (seconds == Seconds::kProcessor) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void wait_for(torch::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
}

double peak_flops(Seconds seconds, const PolicyOptions& options) {
  const bool here = options.device.is_cpu();
  const std::int64_t size = here ? 2048 : 8192;
  const torch::Tensor a = torch::randn(
      {size, size},
      torch::TensorOptions(options.device).dtype(here ? torch::kFloat : options.compute));
  const double flops = 2.0 * std::pow(static_cast<double>(size), 3);
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    wait_for(options.device);
    const double begin = now(seconds);
    torch::mm(a, a);
    wait_for(options.device);
    best = std::max(best, flops / (now(seconds) - begin));
  }
  return best;
}

}  // namespace memagent
