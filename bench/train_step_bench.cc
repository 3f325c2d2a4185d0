// One training step: forward and backward over packed conversations, tokens per second and the
// share of the machine's peak.
//
//   build/release/bench/train_step_bench [--shape nano] [--tokens 8192] [--segment 512]
//       [--children 0] [--learn 0.1] [--threads 2] [--steps 5]
//       [--device cuda] [--compute bfloat16] [--recompute]
//
// `--children N`: each segment is a root with N children of an eighth of its length, all learnt,
// and throughput counts the tokens that conversations of their own would have had. The peak is
// flops.h's. The last line is one JSON object.
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "flops.h"
#include "model/local/model_tools.h"
#include "train/machine.h"
#include "train/policy_network.h"

namespace {

using namespace memagent;  // NOLINT: a program, not a header

std::vector<std::int32_t> random_tokens(std::int64_t count, std::int32_t vocab,
                                        RandomStream& random) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (std::int32_t& token : tokens) {
    token = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab)));
  }
  return tokens;
}

}  // namespace

int main(int argc, char** argv) {
  std::string shape = "nano";
  std::int64_t tokens = 8192;
  std::int64_t segment = 512;
  std::int64_t children = 0;
  double learn = 0.1;
  int threads = 2;
  int steps = 5;
  MachineConfig machine;
  bool bfloat16 = false;
  CLI::App app("One training step");
  app.add_option("--shape", shape);
  app.add_option("--tokens", tokens);
  app.add_option("--segment", segment);
  app.add_option("--children", children);
  app.add_option("--learn", learn);
  app.add_option("--threads", threads);
  app.add_option("--steps", steps);
  app.add_option("--device", machine.device);
  app.add_option_function<std::string>(
         "--compute", [&](const std::string& type) { bfloat16 = type == "bfloat16"; })
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_flag("--recompute", machine.recompute_layers);
  CLI11_PARSE(app, argc, argv);
  torch::set_num_threads(threads);
  const ModelConfig config = named_shape(shape).config;
  if (bfloat16) machine.compute = ComputeType::kBFloat16;
  const PolicyOptions options = policy_options(machine);
  PolicyNetwork network(config, options);
  torch::manual_seed(1);
  for (const Parameter& parameter : network.parameters()) {  // where they are: 7B take long here
    const torch::NoGradGuard no_gradients;
    torch::Tensor value = parameter.value;
    if (value.dim() == 1) {
      value.fill_(1);
    } else {
      value.normal_(0, 0.02);
    }
  }
  RandomStream random(7);
  PackedBatch batch;
  std::int64_t apart = 0;  // tokens of the same conversations without sharing
  const std::int64_t child = std::max<std::int64_t>(1, segment / 8);
  while (batch.num_tokens() < tokens) {
    const std::int64_t root = batch.add(random_tokens(segment, config.vocab_size, random));
    if (children == 0) {
      batch.learn(root,
                  segment - std::max<std::int64_t>(
                                1, static_cast<std::int64_t>(learn * static_cast<double>(segment))),
                  segment);
      apart += segment;
    }
    for (std::int64_t i = 0; i < children; ++i) {
      batch.learn(batch.add(random_tokens(child, config.vocab_size, random), root), 0, child);
      apart += segment + child;
    }
  }
  const double flops = 3 * forward_flops(config, work_of(batch));
  const auto step = [&] {
    for (const Parameter& parameter : network.parameters()) {
      torch::Tensor value = parameter.value;
      value.mutable_grad().reset();
    }
    (-network.logprobs(batch).logprobs.mean()).backward();
    wait_for(options.device);
  };
  const double peak = peak_flops(Seconds::kClock, options);
  step();
  std::vector<double> seconds;
  for (int i = 0; i < steps; ++i) {
    const double begin = now(Seconds::kClock);
    step();
    seconds.push_back(now(Seconds::kClock) - begin);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  fmt::print(
      "{} tokens, {} learnt: {:.3f} s, {:.0f} tokens/s ({:.0f} as if unshared), {:.1f} of {:.1f} "
      "GFLOP/s\n",
      batch.num_tokens(), batch.rows.size(), median,
      static_cast<double>(batch.num_tokens()) / median, static_cast<double>(apart) / median,
      flops / median / 1e9, peak / 1e9);
  fmt::print(
      "{{\"shape\":\"{}\",\"device\":\"{}\",\"compute\":\"{}\",\"tokens\":{},\"segment\":{},"
      "\"children\":{},\"threads\":{},"
      "\"seconds\":{:.4f},\"tokens_per_second\":{:.0f},\"unshared_tokens_per_second\":{:.0f},"
      "\"gflops\":{:.1f},\"peak_gflops\":{:.1f},\"utilisation\":{:.3f}}}\n",
      shape, machine.device, bfloat16 ? "bfloat16" : "float32", batch.num_tokens(), segment,
      children, threads, median, static_cast<double>(batch.num_tokens()) / median,
      static_cast<double>(apart) / median, flops / median / 1e9, peak / 1e9, flops / median / peak);
  return 0;
}
