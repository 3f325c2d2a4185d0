// `memagent worker`: takes queued sessions from a store that machines share and reads them, until a
// signal ends it.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_choice.h"
#include "cli/reading_options.h"
#include "cli/say.h"
#include "cli/session_plan.h"
#include "cli/session_spec.h"
#include "cli/store_option.h"
#include "memagent/session_store.h"
#include "server/session_taker.h"

namespace memagent {
namespace {

constexpr const char* kFooter = R"(
Any number of workers, on any number of machines, may share a store; a session is read by one at a
time. It takes sessions that were begun with the same model and prompts (memagent ask --queue, or a
memagent serve that has gone). One that is killed loses nothing: others go on with its sessions at
the step after the last, once its lease has run out. Ctrl-C or SIGTERM gives them back at once.)";

struct WorkerOptions {
  ModelChoice model;
  ReadingOptions reading;
  std::string store;
  std::int32_t sessions = 0;
  std::int32_t lease_seconds = 30;
  bool until_empty = false;
  bool quiet = false;
};

void log_line(const std::string& line) {
  say("{:%Y-%m-%dT%H:%M:%SZ} {}\n", fmt::gmtime(std::time(nullptr)), line);
}

// A store that is away is waited for, as it is later: machines start in any order. Null if a signal
// comes first. Throws Error for an address that cannot be one, and for a database that is no store.
std::unique_ptr<SessionStore> open_store(const std::string& location,
                                         const SessionStoreOptions& options,
                                         const Interrupt& interrupt) {
  StoreWaits waits;
  for (bool waited = false;; waited = true) {
    try {
      auto store = std::make_unique<SessionStore>(location, SessionStore::Mode::kCreate, options);
      if (waited) log_line(kStoreAnswersAgain);
      return store;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnreachable) throw;
      const std::chrono::milliseconds wait = waits.next();
      log_line(trying_again(error, wait));
      if (interrupt.wait_for(wait)) return nullptr;
    }
  }
}

int run_worker(WorkerOptions options) {
  const std::string location = store_location(options.store);
  if (!is_shared_store(location)) {
    fail(ErrorKind::kUsage,
         "worker: --store {}: is a file, from which workers take nothing: name a database, "
         "--store postgres://HOST/NAME",
         location);
  }
  settle(options.model);
  use_model_notes(options.reading, options.model);
  PromptSet prompts = read_prompts(options.reading);
  Interrupt interrupt;
  SessionStoreOptions store_options;
  store_options.lease = std::chrono::seconds(options.lease_seconds);
  const std::unique_ptr<SessionStore> store = open_store(location, store_options, interrupt);
  if (store == nullptr) return 0;

  const std::unique_ptr<LanguageModel> model =
      open_model(options.model, model_use(options.reading));
  const Capabilities& can = model->capabilities();
  const auto renderer = make_renderer(std::move(prompts), options.reading, *model);
  const std::string identity = session_identity(options.reading, options.model, model.get());

  SessionTakerOptions taking;
  taking.reader = session_reader(options.reading.settings, identity);
  taking.plan = reading_plans(options.reading, can, renderer, identity);
  taking.at_once =
      static_cast<std::size_t>(options.sessions > 0 ? options.sessions : std::max(1, can.parallel));
  taking.until_empty = options.until_empty;
  if (!options.quiet) taking.say = [](const TakerNews& news) { log_line(news.line); };

  ReadingServiceOptions service_options;
  service_options.max_concurrent = taking.at_once;
  service_options.max_in_flight = options.model.max_in_flight;
  if (!options.quiet) {
    log_line(fmt::format("worker of {}: reads with {}, {} sessions at once", shown_store(location),
                         can.name, taking.at_once));
  }
  ReadingService service(*model, renderer, service_options);
  {
    SessionTaker taker(
        *model, renderer, service, [&] { return store->for_another_thread(); }, taking,
        [&] { interrupt.end_wait(); });
    interrupt.wait();
  }
  service.stop(std::chrono::milliseconds(0));
  return 0;
}

}  // namespace

Command add_worker_command(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("worker", "Read the queued sessions of a store that machines share");
  const auto options = std::make_shared<WorkerOptions>();
  app->footer(kFooter);
  add_store_option(*app, options->store);
  app->add_option("--sessions", options->sessions,
                  "Most sessions under way at once (default: what suits the model)")
      ->type_name("N")
      ->check(CLI::Range(0, 100'000).description(""));
  app->add_option("--lease", options->lease_seconds,
                  "Seconds after which others take over a worker's sessions if it gives no sign of "
                  "life (30)")
      ->type_name("S")
      ->check(CLI::Range(1, 86'400).description(""));
  app->add_flag("--until-empty", options->until_empty,
                "End when no session for this model is queued or being read");
  app->add_flag("--quiet", options->quiet, "No line per session on standard error");
  add_model_options(*app, options->model);
  add_reader_options(*app, options->reading);
  return {app, [options] { return run_worker(*options); }};
}

}  // namespace memagent
