#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/shrunk_file.h"

int main(int argc, char** argv) {
  using namespace memagent;  // NOLINT: a program, not a header
  report_shrunk_files();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return run_program(arguments, [&](CLI::App& program) {
    std::vector<Command> commands;
    const auto add = [&](std::vector<Command> more) {
      std::move(more.begin(), more.end(), std::back_inserter(commands));
    };
    commands.push_back(add_ask_command(program));
    commands.push_back(add_serve_command(program));
    commands.push_back(add_worker_command(program));
    commands.push_back(add_mcp_command(program));
    add(add_sessions_commands(program));
    add(add_model_commands(program));
    add(add_tokenizer_commands(program));
    commands.push_back(add_train_command(program, arguments));
    commands.push_back(add_eval_command(program));
    commands.push_back(add_synth_command(program));
    add(add_data_commands(program));
    commands.push_back(add_bench_command(program));
    return commands;
  });
}
