// `memagent mcp`: the flags, and what the tools of the Model Context Protocol work with.
//
// There is no handler for signals: one ends the process at once, and sessions keep every step that
// was accepted before.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/model_choice.h"
#include "cli/reading_options.h"
#include "cli/say.h"
#include "cli/session_spec.h"
#include "cli/store_option.h"
#include "cli/version.h"
#include "mcp/ask_tool.h"
#include "mcp/mcp_server.h"
#include "mcp/status_tool.h"
#include "memagent/session_store.h"

namespace memagent {
namespace {

constexpr const char* kFooter = R"(
For coding and desktop assistants, which start it themselves (docs/mcp.md): it speaks the Model
Context Protocol on standard input and output. Its tools are ask_documents and session_status. The
model is opened when the first question comes.)";

struct McpOptions {
  ModelChoice model;
  ReadingOptions reading;
  std::vector<std::string> roots;
  std::string store;
  bool quiet = false;
};

OpenedModel open(const McpOptions& options, const PromptSet& prompts) {
  OpenedModel opened;
  ReadingOptions reading = options.reading;
  opened.model = open_model(options.model, model_use(reading));
  const Capabilities& can = opened.model->capabilities();
  opened.renderer = make_renderer(prompts, reading, *opened.model);
  opened.plan.config = resolve(reading, can, *opened.renderer);
  opened.plan.sections = {*reading.settings.section_tokens, *reading.settings.cut};
  opened.plan.session_settings = session_settings(
      reading.settings, session_identity(reading, options.model, opened.model.get()));
  opened.sources = [choice = options.model, reading,
                    name = can.name](const std::vector<std::string>& files) {
    return session_sources({.files = files, .lists = {}}, choice, reading, name);
  };
  ReadingServiceOptions service;
  service.max_in_flight = options.model.max_in_flight;
  opened.service = std::make_unique<ReadingService>(*opened.model, opened.renderer, service);
  return opened;
}

int run_mcp(McpOptions options) {
  if (options.roots.empty()) {
    std::error_code error;
    const std::filesystem::path here = std::filesystem::current_path(error);
    // Some assistants start their tools there.
    if (error || here == here.root_path()) {
      fail(ErrorKind::kUsage,
           "mcp: started in {}, where every file could be read: name the folders with --root",
           error ? "no folder" : here.string());
    }
    options.roots.push_back(here.string());
  }
  AllowedFiles files(options.roots);
  settle(options.model);
  use_model_notes(options.reading, options.model);
  const PromptSet prompts = read_prompts(options.reading);
  const std::string store = store_location(options.store);
  AskTool ask([&] { return open(options, prompts); }, std::move(files), store);

  McpServer::Options server;
  server.protocol.version = kVersion;
  server.run_tool = [&](const ToolArguments& arguments, const AskTool::OnProgress& on_progress,
                        const std::stop_token& stop) {
    if (const auto* status = std::get_if<StatusArguments>(&arguments)) {
      return session_status(*status, store);
    }
    return ask.ask(std::get<AskArguments>(arguments), on_progress, stop);
  };
  server.send = [](const std::string& message) { write_output(message + "\n"); };
  if (!options.quiet) {
    server.log = [](const std::string& line) { say("{}\n", line); };
  }
  McpServer(std::move(server)).run(STDIN_FILENO);
  return 0;
}

}  // namespace

Command add_mcp_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "mcp", "Be a tool of coding and desktop assistants (Model Context Protocol)");
  const auto options = std::make_shared<McpOptions>();
  app->footer(kFooter);
  app->add_option("--root", options->roots,
                  "A folder whose files may be read; repeat it for several (default: the current "
                  "folder)")
      ->type_name("FOLDER")
      ->allow_extra_args(false);
  add_store_option(*app, options->store);
  app->add_flag("--quiet", options->quiet, "No line of JSON per call on standard error");
  add_model_options(*app, options->model);
  add_reading_options(*app, options->reading);
  return {app, [options] { return run_mcp(*options); }};
}

}  // namespace memagent
