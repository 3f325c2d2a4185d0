// `memagent serve`: the flags, the model, and the server's life until a signal ends it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/chat_format.h"
#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/lengths.h"
#include "cli/model_choice.h"
#include "cli/reading_options.h"
#include "cli/say.h"
#include "cli/session_plan.h"
#include "cli/session_spec.h"
#include "cli/store_option.h"
#include "memagent/remote_model.h"
#include "memagent/session_store.h"
#include "server/server.h"
#include "server/session_taker.h"

namespace memagent {
namespace {

constexpr const char* kFooter = R"(
Clients of OpenAI's API use it as they are: base URL http://HOST:PORT/v1. A conversation that fits
the model's window goes straight to the model; a longer one is read in sections (docs/serve.md).
http://HOST:PORT/ is a page to ask documents on and to watch them being read.
Ctrl-C or SIGTERM lets what is under way end; a second one ends at once.)";

struct ServeOptions {
  ModelChoice model;
  ReadingOptions reading;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string api_key_file;
  std::string max_body = "64M";
  std::string files;
  std::string store;
  bool no_queue = false;
  std::string max_file = "4096M";
  std::size_t max_concurrent = 256;
  std::string read = "auto";
  int grace_seconds = 30;
  int request_timeout_seconds = 30;
  bool quiet = false;
};

// A connection takes a descriptor, a reading another: the usual soft limit of 1,024 is soon
// reached.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What requests may set: all but the chat format, which prompts are compiled for.
std::vector<std::string> request_setting_keys() {
  std::vector<std::string> keys;
  for (const AskSetting& setting : ask_settings_table()) {
    if (std::string_view(setting.key) != "chat_format") keys.emplace_back(setting.key);
  }
  return keys;
}

// Uploads lie beside the sessions, or where these would be if they were not in a database.
std::string files_folder_beside(const std::string& store) {
  const std::string file = is_shared_store(store) ? default_store_file() : store;
  return std::filesystem::absolute(file).parent_path().string() + "/files";
}

ServerOptions server_options(const ServeOptions& options) {
  ServerOptions server;
  server.http.host = options.host;
  server.http.port = options.port;
  server.http.limits.request_timeout = std::chrono::seconds(options.request_timeout_seconds);
  server.service.max_concurrent = options.max_concurrent;
  server.service.max_in_flight = options.model.max_in_flight;
  server.max_body_bytes = parse_length("--max-body", options.max_body);
  if (options.read == "auto") {
    server.completions.read = ReadMode::kAuto;
  } else if (options.read == "always") {
    server.completions.read = ReadMode::kAlways;
  } else if (options.read == "never") {
    server.completions.read = ReadMode::kNever;
  } else {
    fail(ErrorKind::kUsage, "--read: unknown '{}': choose auto, always or never", options.read);
  }
  if (!options.api_key_file.empty()) server.keys = ApiKeys::read(options.api_key_file);
  if (!options.quiet) {
    server.log = [](const std::string& line) { say("{}\n", line); };
  }
  server.completions.setting_keys = request_setting_keys();
  return server;
}

int run_serve(ServeOptions options) {
  ServerOptions server_settings = server_options(options);
  const std::string store = store_location(options.store);
  settle(options.model);
  use_model_notes(options.reading, options.model);
  PromptSet prompts = read_prompts(options.reading);
  raise_descriptor_limit();
  Interrupt interrupt;
  const std::unique_ptr<LanguageModel> model =
      open_model(options.model, model_use(options.reading));
  const Capabilities& can = model->capabilities();
  const auto renderer = make_renderer(std::move(prompts), options.reading, *model);
  const std::string identity = session_identity(options.reading, options.model, model.get());
  const auto plan = reading_plans(options.reading, can, renderer, identity);
  const ReadingPlan usual = plan("{}");  // wrong flags are told now, not to clients
  server_settings.completions.plan = plan;
  const std::string model_name = served_model_name(can.name);
  server_settings.completions.model_name = model_name;
  server_settings.window_tokens = usual.config.window_tokens;
  const ChatPromptOptions chat{
      .format = *options.reading.settings.chat_format,
      .as_tokens = can.tokens,
      .suppress_thinking = template_knows_thinking(model->chat_template())};

  const std::string folder = options.files.empty()
                                 ? files_folder_beside(store)
                                 : std::filesystem::absolute(options.files).string();
  FileStore files({folder, parse_length("--max-file", options.max_file)});
  server_settings.files = &files;
  server_settings.completions.files = &files;
  const auto sources = [&](const std::vector<std::string>& paths) {
    return session_sources({.files = paths, .lists = {}}, options.model, options.reading, can.name);
  };
  const std::string reader = session_reader(options.reading.settings, identity);
  SessionKeeper sessions({store, sources, reader}, files);
  if (sessions.shared()) {
    try {
      sessions.any_store();  // an address that cannot be one is told now
    } catch (const Error& error) {
      // The rest can be served; sessions come when the store does.
      if (error.kind() != ErrorKind::kUnreachable) throw;
      say("memagent: {}\n", error.what());
    }
  }
  server_settings.sessions = &sessions;
  server_settings.completions.sessions = &sessions;

  Server server(*model, renderer, chat, std::move(server_settings));
  server.start();
  // Sessions that this or another server could not end, and those of memagent ask --queue.
  std::unique_ptr<SessionTaker> taker;
  if (sessions.shared() && !options.no_queue) {
    SessionTakerOptions taking;
    taking.reader = reader;
    taking.plan = plan;
    taking.at_once = static_cast<std::size_t>(std::max(1, can.parallel));
    if (!options.quiet) {
      // Neither names of sessions nor what a failure says: both are as others wrote them.
      taking.say = [](const TakerNews& news) {
        nlohmann::ordered_json log = {{"event", "queue"}, {"what", news.what}};
        if (!news.error.empty()) log["error"] = news.error;
        if (news.what == "finished") log["sections"] = news.sections;
        say("{}\n", log.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      };
    }
    taker = std::make_unique<SessionTaker>(
        *model, renderer, server.service(), [&] { return sessions.any_store(); }, taking);
  }
  const bool v6 = options.host.find(':') != std::string::npos;
  write_output(fmt::format("memagent: serving {} at http://{}:{}/v1\n", model_name,
                           v6 ? "[" + options.host + "]" : options.host, server.port()));
  interrupt.wait();
  taker.reset();
  server.stop(std::chrono::seconds(options.grace_seconds));
  return 0;
}

}  // namespace

Command add_serve_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "serve", "Serve an OpenAI-compatible API whose conversations may be of any length");
  const auto options = std::make_shared<ServeOptions>();
  app->footer(kFooter);
  app->add_option("--host", options->host,
                  "The address to listen on (127.0.0.1); others than this machine's own need "
                  "--api-key-file")
      ->type_name("ADDRESS");
  app->add_option("--port", options->port, "The port; 0: any that is free (8080)")
      ->type_name("N")
      ->check(CLI::Range(0, 65535).description(""));
  app->add_option("--api-key-file", options->api_key_file,
                  "Who may use it: a name and the SHA-256 of a key in hex on each line")
      ->type_name("FILE");
  app->add_option("--max-body", options->max_body, "Most bytes of a request (64M)")
      ->type_name("BYTES");
  app->add_option("--files", options->files,
                  "The folder of uploaded files (default: beside the session store)")
      ->type_name("FOLDER");
  add_store_option(*app, options->store);
  app->add_flag("--no-queue", options->no_queue,
                "Of a shared store: leave queued sessions to memagent worker");
  app->add_option("--max-file", options->max_file, "Most bytes of an uploaded file (4096M)")
      ->type_name("BYTES");
  app->add_option("--max-concurrent", options->max_concurrent,
                  "Most requests under way at once; more are refused with 429 (256)")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000).description(""));
  app->add_option("--read", options->read,
                  "auto: read what does not fit the model's window; always: read everything; "
                  "never: refuse what does not fit (auto)")
      ->type_name("WHEN");
  app->add_option("--request-timeout", options->request_timeout_seconds,
                  "Seconds a request may take to arrive, and one more for every 8 KiB (30)")
      ->type_name("S")
      ->check(CLI::Range(1, 86'400).description(""));
  app->add_option("--grace", options->grace_seconds,
                  "Seconds that what is under way has when the server is told to stop (30)")
      ->type_name("S")
      ->check(CLI::Range(0, 86'400).description(""));
  app->add_flag("--quiet", options->quiet, "No line of JSON per request on standard error");
  add_model_options(*app, options->model);
  add_reading_options(*app, options->reading);
  return {app, [options] { return run_serve(*options); }};
}

}  // namespace memagent
