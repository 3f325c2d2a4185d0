// The flags of `memagent eval`.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/eval_options.h"

namespace memagent {
namespace {

constexpr const char* kFooter = R"(
Groups of tasks: all, ruler, niah, alike, world. Lengths may be written 8K or 1.5M (K is 1,024). With
--out, every finished row is kept: after a crash or Ctrl-C the same command goes on where it stopped.
What the numbers mean: docs/evaluation.md.)";

}  // namespace

Command add_eval_command(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("eval", "Score a model on tasks of known answers, at any length");
  const auto options = std::make_shared<EvalOptions>();
  app->footer(kFooter);

  const char* suite = "Suite";
  app->add_option("--tasks", options->tasks,
                  "Tasks and groups of them, separated by commas (ruler, or none with --data)")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(suite);
  app->add_option("--lengths", options->lengths, "Tokens of the documents (8K)")
      ->type_name("N,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(suite);
  app->add_option("--samples", options->samples,
                  "Rows of each task, for all lengths or for each (20)")
      ->type_name("N,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 32).description(""))
      ->group(suite);
  app->add_option("--method", options->methods,
                  "memory; and the same model without one: full (the whole document in one "
                  "prompt), truncate (its last window), truncate-middle (the middle cut out), "
                  "retrieve (chunks by BM25) (memory)")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(suite);
  app->add_option("--data", options->data,
                  "A data set's file, its name in memagent data list, or a task file, padded to "
                  "the lengths with "
                  "other paragraphs of the set")
      ->type_name("FILE")
      ->group(suite);
  app->add_option("--distractors", options->distractors,
                  "Files of further paragraphs to pad it with")
      ->type_name("FILE")
      ->group(suite);
  app->add_option("--haystack", options->haystack,
                  "A text file for tasks that hide needles in prose (default: generated prose)")
      ->type_name("FILE")
      ->group(suite);
  app->add_option("--metric", options->metric,
                  "What counts where one answer is enough: containment, exact-match or f1 "
                  "(containment)")
      ->type_name("NAME")
      ->group(suite);
  add_model_options(*app, options->model);

  const char* output = "Output";
  app->add_option("--out", options->out, "Keep finished rows in this folder, or go on there")
      ->type_name("FOLDER")
      ->group(output);
  app->add_option("--json", options->json, "Write the report as JSON; - to standard output")
      ->type_name("FILE")
      ->group(output);
  app->add_option("--html", options->html, "Write the report as one HTML page")
      ->type_name("FILE")
      ->group(output);
  app->add_option("--traces", options->traces,
                  "Whose memories are kept section by section: all, failed or none (failed)")
      ->type_name("WHICH")
      ->group(output);
  app->add_flag("--quiet", options->quiet, "No progress")->group(output);
  add_reading_options(*app, options->reading);
  return {app, [options] { return run_eval(*options); }};
}

}  // namespace memagent
