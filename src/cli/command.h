// What the program's main function knows of its subcommands: each file adds one to the parser and
// gives back what to run when it was chosen.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace memagent {

struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;  // the exit code; throws Error
};

Command add_ask_command(CLI::App& program);
Command add_bench_command(CLI::App& program);
Command add_eval_command(CLI::App& program);
std::vector<Command> add_data_commands(CLI::App& program);
std::vector<Command> add_model_commands(CLI::App& program);
std::vector<Command> add_sessions_commands(CLI::App& program);
Command add_serve_command(CLI::App& program);
Command add_worker_command(CLI::App& program);
Command add_mcp_command(CLI::App& program);
Command add_synth_command(CLI::App& program);
std::vector<Command> add_tokenizer_commands(CLI::App& program);
// `memagent train`, which hands its arguments to the program beside this one, memagent-train: so
// nobody but who trains waits for LibTorch to be loaded. `arguments` as given to the program.
Command add_train_command(CLI::App& program, const std::vector<std::string>& arguments);

using AddCommands = std::function<std::vector<Command>(CLI::App& program)>;

// Parses the arguments (without the program's name), runs the command, and turns every error into
// one line on standard error. Returns the exit code: 0 done, 2 usage, 3 bad input or storage,
// 4 model or endpoint, 130 interrupted, 70 a fault of ours.
int run_program(const std::vector<std::string>& arguments, const AddCommands& add_commands);

// Writes all of `text` to standard output. Throws Error(kStorage) if it cannot be. If that is
// because its reader has gone, run_program() then ends the process by SIGPIPE, without a line.
void write_output(std::string_view text);

}  // namespace memagent
