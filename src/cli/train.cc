// `memagent train` in the program that everybody runs: finds memagent-train and becomes it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/fail.h"
#include "cli/command.h"

namespace memagent {
namespace {

int become_trainer(const std::vector<std::string>& arguments) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string trainer = (self.parent_path() / "memagent-train").string();
  if (!std::filesystem::exists(trainer, error)) {
    fail(ErrorKind::kUsage,
         "train: {} is not there: make build makes it, with LibTorch (see docs/training.md)",
         trainer);
  }
  // Threads that wait for work by spinning cost more than they bring on a machine that does
  // anything else. Read by the OpenMP library when it is loaded.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  std::vector<char*> argv{const_cast<char*>(trainer.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(trainer.c_str(), argv.data());
  fail(ErrorKind::kStorage, "{}: cannot be run: {}", trainer, std::strerror(errno));
}

}  // namespace

Command add_train_command(CLI::App& program, const std::vector<std::string>& arguments) {
  CLI::App* app = program.add_subcommand("train", "Train a model to read");
  app->set_help_flag();  // all that follows is the trainer's
  app->prefix_command();
  return {app, [arguments] { return become_trainer(arguments); }};
}

}  // namespace memagent
