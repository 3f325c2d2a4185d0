// memagent-train, which `memagent train` becomes: the one program that loads LibTorch.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/lengths.h"
#include "cli/say.h"
#include "model/local/shipped_model.h"
#include "train/recipe.h"
#include "train/rl.h"
#include "train/sft.h"

namespace memagent {
namespace {

struct TrainFlags {
  std::string recipe;
  std::string weights;
  std::string out;
  std::string name = "memagent";
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

std::string step_line(const RlRecipe& recipe, const RlStep& step) {
  return fmt::format(
      "step {} of {}  reward {:.3f}  best of group {:.3f}  {} of {} groups teach  kept {:.1f}%  "
      "malformed {:.2f}%  rollout {:.1f} s  update {:.1f} s",
      step.step, recipe.steps, step.rollouts.reward.value(), step.rollouts.best.value(),
      step.rollouts.taught, step.rollouts.groups, 100 * step.rollouts.kept.value(),
      100 * step.rollouts.malformed.value(), step.rollout_seconds, step.update_seconds);
}

// A line that is written over on a terminal, and one every so often elsewhere.
class ProgressLines {
 public:
  explicit ProgressLines(bool quiet) : quiet_(quiet) {}
  ~ProgressLines() {
    if (open_) say_end("\n");
  }
  void show(const std::string& line, double seconds) {
    constexpr double kEvery = 30;
    if (quiet_) return;
    since_ += seconds;
    if (terminal_) {
      say("\r\033[K{}", line);
      open_ = true;
    } else if (first_ || since_ > kEvery) {
      say("{}\n", line);
      since_ = 0;
      first_ = false;
    }
  }

 private:
  bool quiet_;
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool open_ = false;
  bool first_ = true;
  double since_ = 0;
};

// Processes that torchrun starts on one machine share its cores.
int threads_of_process() {
  const char* processes = std::getenv("LOCAL_WORLD_SIZE");
  if (processes == nullptr) return 0;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, cores / std::max(1, std::atoi(processes)));
}

RunOptions run_options(const TrainFlags& flags, const Interrupt& interrupt,
                       const DataParallelGroup& group) {
  RunOptions options;
  options.folder = flags.out;
  options.resume = flags.resume;
  options.threads = flags.threads > 0 ? flags.threads : threads_of_process();
  options.group = &group;
  options.name = flags.name;
  options.stop = interrupt.flag();
  options.on_warning = [](const std::string& warning) { say("memagent: {}\n", warning); };
  return options;
}

void say_done(const TrainFlags& flags) {
  if (!flags.quiet) say("memagent: trained: {}/model.gguf\n", flags.out);
}

// A recipe that begins with a network of random weights describes its shape, which a file's weights
// would bring too.
void choose_weights(NetworkConfig& network, const TrainFlags& flags) {
  if (flags.weights.empty()) return;
  if (network.weights.empty()) {
    fail(ErrorKind::kUsage,
         "--weights: {} begins with random weights of a shape of its own; name the file in its "
         "[network] instead of that shape",
         flags.recipe);
  }
  // As those of a recipe: a run goes on from wherever it is called.
  network.weights = is_shipped_model(flags.weights)
                        ? flags.weights
                        : std::filesystem::absolute(flags.weights).lexically_normal().string();
}

int run_sft(const TrainFlags& flags) {
  SftRecipe recipe = load_sft_recipe(flags.recipe);
  choose_weights(recipe.network, flags);
  const Interrupt interrupt;
  const DataParallelGroup group(rendezvous_from_environment());
  {
    ProgressLines progress(flags.quiet || !group.leads());
    double speed = 0;
    std::int64_t before = -1;
    train_sft(recipe, run_options(flags, interrupt, group), [&](const SftStep& step) {
      const double now = static_cast<double>(step.tokens - before) / step.seconds;
      if (before >= 0) speed = speed == 0 ? now : 0.95 * speed + 0.05 * now;
      before = step.tokens;
      progress.show(step_line(recipe, step, speed), step.seconds);
    });
  }
  if (group.leads()) say_done(flags);
  return 0;
}

int run_rl(const TrainFlags& flags) {
  RlRecipe recipe = load_rl_recipe(flags.recipe);
  choose_weights(recipe.network, flags);
  const Interrupt interrupt;
  const DataParallelGroup group(rendezvous_from_environment());
  {
    ProgressLines progress(flags.quiet || !group.leads());
    train_rl(recipe, run_options(flags, interrupt, group), [&](const RlStep& step) {
      progress.show(step_line(recipe, step), step.rollout_seconds + step.update_seconds);
    });
  }
  if (group.leads()) say_done(flags);
  return 0;
}

void add_run_options(CLI::App& app, TrainFlags& flags) {
  app.add_option("--recipe", flags.recipe, "What to train, and on what: a TOML file")
      ->required()
      ->type_name("FILE");
  app.add_option("--weights", flags.weights, "Start from these instead of the recipe's weights")
      ->type_name("FILE");
  app.add_option("-o,--out", flags.out, "The run's folder: log, checkpoints, model.gguf")
      ->required()
      ->type_name("DIR");
  app.add_option("--name", flags.name, "The model's name, for its file (memagent)")
      ->type_name("NAME");
  app.add_option("--threads", flags.threads, "Threads to compute with; 0: one per core (0)")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  app.add_flag("--resume", flags.resume, "Go on from the folder's last checkpoint");
  app.add_flag("--quiet", flags.quiet, "No progress");
}

std::vector<Command> add_trainer_commands(CLI::App& program) {
  CLI::App* group = program.add_subcommand("train", "Train a model to read");
  group->require_subcommand(1);
  const auto flags = std::make_shared<TrainFlags>();
  CLI::App* sft = group->add_subcommand("sft", "Supervised warm start: imitate an ideal reader");
  CLI::App* rl = group->add_subcommand("rl", "Reinforcement learning by the final answer");
  add_run_options(*sft, *flags);
  add_run_options(*rl, *flags);
  CLI::App* keys = group->add_subcommand("keys", "List a recipe's keys with their defaults");
  const auto of_rl = std::make_shared<bool>(false);
  keys->add_flag("--rl", *of_rl, "Those of a recipe for train rl, not train sft");
  const auto list = [of_rl] {
    write_output(*of_rl ? rl_recipe_keys() : sft_recipe_keys());
    return 0;
  };
  return {{sft, [flags] { return run_sft(*flags); }},
          {rl, [flags] { return run_rl(*flags); }},
          {keys, list}};
}

}  // namespace
}  // namespace memagent

int main(int argc, char** argv) {
  return memagent::run_program(std::vector<std::string>(argv + 1, argv + argc),
                               memagent::add_trainer_commands);
}
