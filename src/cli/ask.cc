// The flags of `memagent ask`.
#include <CLI/CLI.hpp>
#include <memory>

#include "base/fail.h"
#include "cli/ask_options.h"
#include "cli/command.h"
#include "cli/lengths.h"

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
  app->add_option("--documents", options->document.lists,
                  "A JSON lines file of documents: {\"title\": ..., \"text\": ...}")
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
  app->add_option("--store", options->store,
                  "Where sessions are kept (default: MEMAGENT_STORE, else under ~/.local/state)")
      ->type_name("FILE")
      ->group(sessions);

  const char* reading = "Reading";
  for (const AskSetting& setting : ask_settings_table()) {
    app->add_option_function<std::string>(
           setting.flag,
           [options, &setting](const std::string& text) { setting.parse(options->settings, text); },
           setting.help)
        ->type_name(setting.value_name)
        ->group(reading);
  }
  app->add_option("--prompts", options->prompts,
                  "A prompt file, for models trained with other wording (docs/prompts.md)")
      ->type_name("FILE")
      ->group(reading);
  app->add_option_function<std::string>(
         "--lookahead",
         [options](const std::string& text) {
           const std::int64_t sections = parse_length("--lookahead", text);
           if (sections < 1 || sections > 4096) {
             fail(ErrorKind::kUsage, "--lookahead: {} sections: choose 1 to 4096", text);
           }
           options->lookahead = static_cast<std::int32_t>(sections);
         },
         "Sections asked about at once as long as the memory stays the same; changes only the "
         "time it takes (1; over endpoints with --policy gated 8)")
      ->type_name("N")
      ->group(reading);
  return {app, [options] { return run_ask(*options); }};
}

}  // namespace memagent
