// What training costs on this machine: tokens a second and the share of its float32 peak that a
// step of the warm start, rollouts and an update reach, and what rolling out beside the update
// brings.
//
//   build/release/bench/training_bench [--sft recipes/nano/sft.toml]
//       [--rl recipes/nano/shipped-rl.toml]
//       [--questions 4] [--threads 2] [--repeat 5] [--processor] [--overlap-steps 0]
//       [--torch-rollouts] [--device cuda] [--compute bfloat16] [--batch-tokens N]
//
// Lessons are of the warm start's last stage, questions and trajectories of the other recipe, with
// the weights that it names: what is timed is what training does. Utilisation is the arithmetic
// that the model's definition asks for (flops.h: forward once in a rollout, forward and backward,
// three times that, in training) over what a square product reaches (peak_flops). A token that
// several conversations share is computed and counted once. An update's conversations are merged as
// in rl (trajectory_batch.h), and the groups that agree are left out.
//
// `--processor`: seconds that were computed instead of the clock's, for busy machines, with one
// thread.
// `--device`, `--compute`: as in recipes. `--batch-tokens`: instead of the recipes'.
// `--torch-rollouts`: the same rollouts by the network itself, too (`rollouts = "torch"`).
// `--overlap-steps N`: trains N steps after another and N with `overlap`, and compares the clock's
// seconds a step, the first, which waits for its rollouts either way, left out. Medians; the last
// line is one JSON object.
#include <fmt/format.h>
#include <torch/types.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "flops.h"
#include "train/advantage.h"
#include "train/device_copy.h"
#include "train/policy_engine.h"
#include "train/policy_loss.h"
#include "train/rl.h"
#include "train/start.h"
#include "train/step_rollouts.h"
#include "train/training_batch.h"
#include "train/trajectory_batch.h"

namespace {

using namespace memagent;  // NOLINT: a program, not a header
using Json = nlohmann::ordered_json;

struct Flags {
  std::string sft = "recipes/nano/sft.toml";
  std::string rl = "recipes/nano/shipped-rl.toml";
  std::int64_t questions = 4;
  int threads = 2;
  int repeat = 5;
  bool processor = false;
  std::int64_t overlap_steps = 0;
  bool torch_rollouts = false;
  std::int64_t batch_tokens = 0;  // 0: the recipe's
  MachineConfig machine;
  PolicyOptions options() const { return policy_options(machine); }
  Seconds seconds() const { return processor ? Seconds::kProcessor : Seconds::kClock; }
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Once to warm up, then as often as asked for.
template <typename Work>
double time_of(const Flags& flags, Work work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < flags.repeat; ++i) {
    const double begin = now(flags.seconds());
    work();
    seconds.push_back(now(flags.seconds()) - begin);
  }
  return median(seconds);
}

// `passes`: 1 forward, 3 forward and backward.
Json report(const char* what, const ModelConfig& config, const ForwardWork& work, double passes,
            double seconds, double peak) {
  const double flops = passes * forward_flops(config, work) / seconds;
  fmt::print(
      "{:<8} {:>7.0f} tokens in {:.3f} s, {:>7.0f} tokens/s, {:.1f} GFLOP/s, {:.1f}% of {:.1f}\n",
      what, work.tokens, seconds, work.tokens / seconds, flops / 1e9, 100 * flops / peak,
      peak / 1e9);
  return {{"tokens", work.tokens},
          {"seconds", seconds},
          {"tokens_per_second", work.tokens / seconds},
          {"gflops", flops / 1e9},
          {"utilisation", flops / peak}};
}

void forget_gradients(const PolicyNetwork& network) {
  for (const Parameter& parameter : network.parameters()) {
    torch::Tensor value = parameter.value;
    value.mutable_grad().reset();
  }
}

Json warm_start(const Flags& flags, double peak) {
  SftRecipe recipe = load_sft_recipe(flags.sft);
  if (flags.batch_tokens > 0) recipe.batch_tokens = flags.batch_tokens;
  const PolicyOptions options = flags.options();
  const Start start = make_start(recipe.network, recipe.reading, options, recipe.seed);
  const ModelConfig& config = start.network->config();
  const LessonSource lessons(recipe, start.renderer, start.tokenizer, config.context_tokens);
  const std::size_t stage = recipe.stages.size() - 1;
  TrainingBatch batch;
  for (std::int64_t number = 0; batch.packed.num_tokens() < recipe.batch_tokens; ++number) {
    for (const Lesson& lesson : lessons.draw(stage, number)) {
      batch.add(lesson, recipe.stages[stage].section_weight);
    }
  }
  const std::span<const float> batch_weights = batch.weights;
  const torch::Tensor weights = on_device(batch_weights, options.device);
  const double seconds = time_of(flags, [&] {
    forget_gradients(*start.network);
    (-(start.network->logprobs(batch.packed).logprobs * weights).sum()).backward();
    wait_for(options.device);
  });
  return report("sft", config, work_of(batch.packed), 3, seconds, peak);
}

Json reinforcement(const Flags& flags, double peak) {
  RlRecipe recipe = load_rl_recipe(flags.rl);
  recipe.questions = flags.questions;
  recipe.resample = 0;
  if (flags.batch_tokens > 0) recipe.batch_tokens = flags.batch_tokens;
  const PolicyOptions options = flags.options();
  const Start start = make_start(recipe.network, recipe.reading, options, recipe.seed);
  const ModelConfig& config = start.network->config();
  const DataParallelGroup alone{Rendezvous()};
  const StepQuestions questions(recipe, start, alone);
  StepRollouts rolled;
  const auto roll_out = [&](const char* what, PolicyEngine engine) {
    const double seconds = time_of(flags, [&] {
      // As every step does: the engine takes the weights anew and knows nothing of earlier prompts.
      rolled = questions.roll_out(engine.with_weights_of(start, "bench"), 0, 0, nullptr);
    });
    Json report_of = report(what, config, work_of(rolled.groups), 1, seconds, peak);
    report_of["reward"] = rolled.metrics.reward.value();
    report_of["reply_tokens"] = rolled.metrics.reply_tokens.value();
    return report_of;
  };
  Json json;
  if (flags.torch_rollouts) {
    json["rollout_torch"] = roll_out("by torch", PolicyEngine(flags.threads, TorchModelOptions{}));
  }
  json["rollout"] = roll_out("rollout", PolicyEngine(flags.threads));

  std::vector<PolicyBatch> batches;
  for (const Group& group : rolled.groups) {
    const std::vector<double> of_group = group_advantages(group.rewards(), false);
    std::vector<std::vector<double>> advantages;
    for (std::size_t i = 0; i < of_group.size(); ++i) {
      advantages.emplace_back(group.trajectories[i].trajectory.conversations.size(), of_group[i]);
    }
    pack_group(group, advantages, {.batch_tokens = recipe.batch_tokens, .merge_equal = true},
               batches);
  }
  std::erase_if(batches, [](const PolicyBatch& batch) { return batch.packed.rows.empty(); });
  ForwardWork work;
  for (const PolicyBatch& batch : batches) {
    const ForwardWork one = work_of(batch.packed);
    work.tokens += one.tokens;
    work.attended += one.attended;
    work.rows += one.rows;
  }
  const double update_seconds = time_of(flags, [&] {
    forget_gradients(*start.network);
    for (const PolicyBatch& batch : batches) {
      PolicyLossInput input;
      input.logprobs = start.network->logprobs(batch.packed).logprobs;
      input.old = input.logprobs.detach();
      input.rollout = torch::tensor(batch.rollout).to(options.device);
      input.advantages = torch::tensor(batch.advantages).to(options.device);
      PolicyLossSums sums;
      PolicyLossOptions loss = recipe.loss;
      loss.kl = 0;
      loss.entropy = 0;
      policy_loss(input, loss, sums).backward();
    }
    wait_for(options.device);
  });
  json["update"] = report("update", config, work, 3, update_seconds, peak);
  return json;
}

// Seconds of a step, its first left out.
double seconds_of_a_step(const Flags& flags, bool overlap) {
  RlRecipe recipe = load_rl_recipe(flags.rl);
  recipe.questions = flags.questions;
  recipe.steps = flags.overlap_steps + 1;
  recipe.overlap = overlap;
  recipe.held_out.steps = 0;
  recipe.machine = flags.machine;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() /
      fmt::format("memagent-training-bench-{}-{}", ::getpid(), overlap ? "beside" : "after");
  RunOptions options;
  options.folder = folder.string();
  options.threads = flags.threads;
  std::vector<double> seconds;
  train_rl(recipe, options, [&](const RlStep& step) {
    if (step.step > 1) seconds.push_back(step.seconds);
  });
  std::filesystem::remove_all(folder);
  return median(seconds);
}

}  // namespace

int main(int argc, char** argv) {
  setenv("OMP_WAIT_POLICY", "passive", 0);  // NOLINT(concurrency-mt-unsafe): before any thread
  Flags flags;
  CLI::App app("Tokens a second of training, and the share of the machine's peak");
  app.add_option("--sft", flags.sft);
  app.add_option("--rl", flags.rl);
  app.add_option("--questions", flags.questions)->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads)->check(CLI::PositiveNumber);
  app.add_option("--repeat", flags.repeat)->check(CLI::PositiveNumber);
  app.add_flag("--processor", flags.processor);
  app.add_option("--overlap-steps", flags.overlap_steps)->check(CLI::NonNegativeNumber);
  app.add_flag("--torch-rollouts", flags.torch_rollouts);
  app.add_option("--batch-tokens", flags.batch_tokens)->check(CLI::PositiveNumber);
  app.add_option("--device", flags.machine.device);
  app.add_option_function<std::string>("--compute",
                                       [&](const std::string& type) {
                                         if (type == "bfloat16")
                                           flags.machine.compute = ComputeType::kBFloat16;
                                       })
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  CLI11_PARSE(app, argc, argv);
  if (flags.processor && flags.threads != 1) {
    fmt::print(stderr, "training_bench: --processor needs --threads 1\n");
    return 2;
  }
  try {
    use_threads(flags.threads);
    const double peak = peak_flops(flags.seconds(), flags.options());
    Json json = {{"threads", flags.threads},
                 {"device", flags.machine.device},
                 {"seconds_of", flags.processor ? "processor" : "clock"},
                 {"questions", flags.questions},
                 {"peak_gflops", peak / 1e9}};
    json["sft"] = warm_start(flags, peak);
    json.update(reinforcement(flags, peak));
    if (flags.overlap_steps > 0) {
      const double after = seconds_of_a_step(flags, false);
      const double beside = seconds_of_a_step(flags, true);
      fmt::print("a step takes {:.2f} s, with overlap {:.2f} s: {:.2f}x\n", after, beside,
                 after / beside);
      json["overlap"] = {{"seconds_off", after}, {"seconds_on", beside}};
    }
    fmt::print("{}\n", json.dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "training_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
