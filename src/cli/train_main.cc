// memagent-train, which `memagent train` becomes: the one program that loads LibTorch.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/lengths.h"
#include "train/recipe.h"
#include "train/sft.h"

namespace memagent {
namespace {

struct TrainFlags {
  std::string recipe;
  std::string out;
  int threads = 0;
  bool resume = false;
  bool quiet = false;
};

std::string step_line(const SftRecipe& recipe, const SftStep& step, double speed) {
  std::string right;
  for (int i = 0; i < kNumReplyKinds; ++i) {
    const RecentReplies& replies = step.recent[static_cast<std::size_t>(i)];
    if (replies.count < 1) continue;
    right +=
        fmt::format("  {} {:.1f}%", to_string(static_cast<ReplyKind>(i)), 100 * replies.share());
  }
  return fmt::format("step {}  {}  {} of {} tokens  {:.0f}/s  loss {:.4f}{}", step.step,
                     recipe.stages[step.stage].name, grouped(step.tokens),
                     grouped(step.total_tokens), speed, step.loss, right);
}

int run_sft(const TrainFlags& flags) {
  const SftRecipe recipe = load_sft_recipe(flags.recipe);
  const Interrupt interrupt;
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  double speed = 0;
  double since_line = 0;
  TrainOptions options;
  options.folder = flags.out;
  options.resume = flags.resume;
  options.threads = flags.threads;
  options.stop = interrupt.flag();
  options.on_warning = [](const std::string& warning) {
    fmt::print(stderr, "memagent: {}\n", warning);
  };
  std::int64_t tokens_before = 0;
  options.on_step = [&](const SftStep& step) {
    const double now = static_cast<double>(step.tokens - tokens_before) / step.seconds;
    if (tokens_before > 0) speed = speed == 0 ? now : 0.95 * speed + 0.05 * now;
    tokens_before = step.tokens;
    since_line += step.seconds;
    if (flags.quiet) return;
    const std::string line = step_line(recipe, step, speed);
    if (terminal) {
      fmt::print(stderr, "\r\033[K{}", line);
    } else if (since_line > 30) {
      fmt::print(stderr, "{}\n", line);
      since_line = 0;
    }
  };
  train_sft(recipe, options);
  if (!flags.quiet) {
    fmt::print(stderr, "{}memagent: trained: {}/model.gguf\n", terminal ? "\n" : "", flags.out);
  }
  return 0;
}

std::vector<Command> add_trainer_commands(CLI::App& program) {
  CLI::App* group = program.add_subcommand("train", "Train a model to read");
  group->require_subcommand(1);
  const auto flags = std::make_shared<TrainFlags>();
  CLI::App* sft = group->add_subcommand("sft", "Supervised warm start: imitate an ideal reader");
  sft->add_option("--recipe", flags->recipe, "What to train, and on what: a TOML file")
      ->required()
      ->type_name("FILE");
  sft->add_option("-o,--out", flags->out, "The run's folder: log, checkpoints, model.gguf")
      ->required()
      ->type_name("DIR");
  sft->add_option("--threads", flags->threads, "Threads to compute with; 0: one per core (0)")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  sft->add_flag("--resume", flags->resume, "Go on from the folder's last checkpoint");
  sft->add_flag("--quiet", flags->quiet, "No progress");
  CLI::App* keys = group->add_subcommand("keys", "List a recipe's keys with their defaults");
  return {{sft, [flags] { return run_sft(*flags); }}, {keys, [] {
                                                         write_output(sft_recipe_keys());
                                                         return 0;
                                                       }}};
}

}  // namespace
}  // namespace memagent

int main(int argc, char** argv) {
  return memagent::run_program(std::vector<std::string>(argv + 1, argv + argc),
                               memagent::add_trainer_commands);
}
