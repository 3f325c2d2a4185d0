// The flags of `memagent ask`.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/ask_options.h"
#include "cli/command.h"
#include "cli/store_option.h"

namespace memagent {
namespace {

constexpr const char* kFooter = R"(
Lengths may be written 8K or 1.5M (K is 1,024). A document of any length is read in memory that
does not grow with it. With --session, every step is kept: after a crash or Ctrl-C the same command
goes on where it stopped, and `memagent ask --session NAME` alone will do.)";

}  // namespace

Command add_ask_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("ask", "Answer questions over a document of any length");
  const auto options = std::make_shared<AskOptions>();
  app->footer(kFooter);

  app->add_option("-q,--question", options->questions,
                  "The question; repeat it to have several answered over one reading")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  app->add_option("--questions", options->questions_file, "A file with one question a line")
      ->type_name("FILE");
  app->add_option("files", options->document.files,
                  "The document: files, read one after another; - or none: standard input")
      ->type_name("FILE");
  app->add_option(
         "--documents", options->document.lists,
         "A JSON lines file of documents: {\"title\": ..., \"text\": ...}; - for standard input")
      ->type_name("FILE")
      ->allow_extra_args(false);
  add_model_options(*app, options->model);

  const char* output = "Output";
  app->add_flag("--json", options->json, "Write the answer as one JSON object")->group(output);
  app->add_flag("--watch", options->watch, "Show the memory as it changes, on standard error")
      ->group(output);
  app->add_flag("--quiet", options->quiet, "No progress bar and no closing line")->group(output);
  app->add_option("--trace", options->trace, "Write one JSON line per conversation to this file")
      ->type_name("FILE")
      ->group(output);
  app->add_flag("--trace-prompts", options->trace_prompts, "Keep the prompts in the trace too")
      ->group(output);

  const char* sessions = "Sessions";
  app->add_option("--session", options->session,
                  "Keep every step under this name, or go on where the session stopped")
      ->type_name("NAME")
      ->group(sessions);
  add_store_option(*app, options->store, sessions);
  app->add_flag("--queue", options->queue,
                "Put the session into the shared store and leave the reading to memagent worker")
      ->group(sessions);

  add_reading_options(*app, options->reading);
  return {app, [options] { return run_ask(*options); }};
}

}  // namespace memagent
