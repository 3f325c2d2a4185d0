// The program: subcommands, errors as one line, exit codes. Knows nothing of what commands do.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "base/check.h"
#include "base/fail.h"
#include "cli/command.h"
#include "cli/say.h"
#include "cli/terminal.h"
#include "cli/version.h"

namespace memagent {
namespace {

constexpr int kFaultOfOurs = 70;

constexpr const char* kFooter = R"(
Start with a model of your own (GGUF or a Hugging Face folder), or a server:
  memagent ask --model qwen3-4b.gguf -q "Who is the narrator?" book.txt
  memagent ask --endpoint http://localhost:8000/v1 -q "..." *.txt

Exit codes: 0 done, 2 usage, 3 bad input or storage, 4 failure of a model,
endpoint or shared store, 70 a fault of memagent's own, 130 interrupted.
`memagent COMMAND --help` tells a command's flags.)";

// Whoever reads standard output has gone.
class ReaderGone : public Error {
 public:
  using Error::Error;
};

// As other programs end behind `head`, which has had enough: there is nothing to tell.
int end_as_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  return exit_code(ErrorKind::kStorage);  // where the signal is blocked
}

// One line, whatever was put into the message.
int report(const std::string& message, int code) {
  std::string line = message;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  say("memagent: {}\n", harmless(line));
  return code;
}

const CLI::App* chosen_app(const CLI::App& program) {
  const CLI::App* app = &program;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App* app) {
  std::string name;
  for (; app != nullptr && app->get_parent() != nullptr; app = app->get_parent()) {
    name.insert(0, app->get_name() + (name.empty() ? "" : " "));
  }
  return name;
}

// Help of at most 90 columns: an option, and what it does under it or beside it.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override {
    const std::string path = full_name(app);
    return CLI::Formatter::make_usage(app, path.empty() ? name : "memagent " + path);
  }
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return entry("  " + make_option_name(option, is_positional) + make_option_opts(option),
                 option->get_description());
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
  std::string make_subcommand(const CLI::App* app) const override {
    return entry("  " + app->get_name(), app->get_description());
  }

 private:
  static constexpr std::size_t kColumn = 26;
  static constexpr std::size_t kWidth = 90;

  static std::string entry(std::string line, const std::string& description) {
    std::string out;
    std::istringstream paragraphs(description);
    for (std::string paragraph; std::getline(paragraphs, paragraph);) {
      if (line.size() + 2 > kColumn) {
        out += line + "\n";
        line.clear();
      }
      line.resize(kColumn, ' ');
      std::istringstream words(paragraph);
      for (std::string word; words >> word;) {
        if (line.size() > kColumn && line.size() + 1 + word.size() > kWidth) {
          out += line + "\n";
          line.assign(kColumn, ' ');
        }
        if (line.size() > kColumn) line += ' ';
        line += word;
      }
      out += line + "\n";
      line.clear();
    }
    return out;
  }
};

// The parser's own words, where they do not say what to do; others as they are.
std::string in_our_words(const std::string& what) {
  if (what == "A subcommand is required") return "a command is needed";
  const std::size_t colon = what.find(": ");
  if (colon == std::string::npos) return what;
  const std::string option = what.substr(0, colon);
  const std::string_view said = std::string_view(what).substr(colon + 2);
  constexpr std::string_view kTwice = "At Most 1 required but received ";
  constexpr std::string_view kValue = "Value ";
  constexpr std::string_view kRange = " not in range ";
  const std::size_t range = said.rfind(kRange);
  if (said.starts_with("1 required ") && said.ends_with(" missing")) {
    return option + ": its value is missing";
  }
  if (said.starts_with(kTwice)) {
    return fmt::format("{}: given {} times: give it once", option, said.substr(kTwice.size()));
  }
  if (said.starts_with(kValue) && range != std::string_view::npos) {
    // "1 to 9" of CLI11 2.1, "[1 - 9]" of 2.4.
    std::string bounds(said.substr(range + kRange.size()));
    if (bounds.starts_with('[')) bounds = bounds.substr(1, bounds.size() - 2);
    if (const std::size_t dash = bounds.find(" - "); dash != std::string::npos) {
      bounds.replace(dash, 3, " to ");
    }
    return fmt::format("{}: '{}' is not a number from {}", option,
                       said.substr(kValue.size(), range - kValue.size()), bounds);
  }
  return what;
}

int usage_error(const CLI::App& program, const CLI::ParseError& error) {
  const std::string command = full_name(chosen_app(program));
  const std::string prefix = command.empty() ? "" : command + ": ";
  const std::string help = "see memagent " + (command.empty() ? "" : command + " ") + "--help";
  const std::vector<std::string> extras = program.remaining(true);
  if (!extras.empty()) {
    const std::string& first = extras.front();
    const bool group = !chosen_app(program)->get_subcommands({}).empty();
    const char* kind = first.starts_with("-") ? "option" : group ? "command" : "argument";
    return report(fmt::format("{}unknown {} '{}': {}", prefix, kind, first, help), 2);
  }
  return report(fmt::format("{}{}: {}", prefix, in_our_words(error.what()), help), 2);
}

// A script whose variable is unset gives an empty value. To take it for an option that is left out
// would keep no session, or serve without keys, and not say so.
void refuse_empty_value(const std::string& option) {
  fail(ErrorKind::kUsage, "{}: its value is empty: give one, or leave the option out", option);
}

// `--trace= FILE`, which the parser would take for `--trace FILE`, and write over the document.
void refuse_empty_values(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return;
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      refuse_empty_value(argument.substr(0, argument.size() - 1));
    }
  }
}

void refuse_empty_values(const CLI::App* app) {
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) continue;
    for (const std::string& value : option->results()) {
      if (value.empty()) refuse_empty_value(option->get_name());
    }
  }
}

// Parses and runs; throws what goes wrong.
int dispatch(CLI::App& program, const std::vector<std::string>& arguments,
             const std::vector<Command>& commands) {
  refuse_empty_values(arguments);
  try {
    // The parser takes its arguments from the back.
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    write_output(chosen_app(program)->help("", CLI::AppFormatMode::Normal));
    return 0;
  } catch (const CLI::CallForVersion& version) {
    write_output(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    return usage_error(program, error);
  }
  refuse_empty_values(chosen_app(program));
  const auto chosen = std::find_if(commands.begin(), commands.end(),
                                   [](const Command& command) { return command.app->parsed(); });
  MEMAGENT_CHECK(chosen != commands.end(), "{} arguments", arguments.size());
  return chosen->run();
}

// Where a standard stream is closed, the next file opened would take its number, and a session's
// database would get the notes. What is put there instead fails as a closed one does.
void occupy_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    if (::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) return;
  }
}

}  // namespace

void write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    const int reason = errno;
    const std::string message = fmt::format(
        "standard output: cannot be written: {}: check where it goes", std::strerror(reason));
    if (reason == EPIPE) throw ReaderGone(ErrorKind::kStorage, message);
    throw Error(ErrorKind::kStorage, message);
  }
}

int run_program(const std::vector<std::string>& arguments, const AddCommands& add_commands) {
  occupy_standard_streams();
  // A closed pipe and a file at its size limit are errors of write(), not deaths.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);

  CLI::App program(
      "memagent answers questions over documents of any length. It reads the document section\n"
      "by section, keeps a memory of fixed size that the model rewrites as it reads, and answers\n"
      "from the memory alone.",
      "memagent");
  program.set_version_flag("--version", fmt::format("memagent {} ({})", kVersion, kCommit),
                           "Say which version this is");
  program.set_help_flag("-h,--help", "Say how this is used");
  program.formatter(std::make_shared<HelpFormatter>());
  program.require_subcommand(1);
  const std::vector<Command> commands = add_commands(program);
  program.footer(kFooter);  // last: commands made before it do not inherit it

  try {
    return dispatch(program, arguments, commands);
  } catch (const ReaderGone&) {
    return end_as_by_broken_pipe();
  } catch (const Error& error) {
    return report(error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return report("out of memory: choose a smaller model, window or --max-in-flight", 3);
  } catch (const std::exception& error) {
    return report(fmt::format("a fault of memagent's own, please report it: {}", error.what()),
                  kFaultOfOurs);
  }
}

}  // namespace memagent
