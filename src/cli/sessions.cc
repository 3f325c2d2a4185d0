// `memagent sessions list|show|delete`: looking at what is kept, and dropping it.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/state_json.h"
#include "base/fail.h"
#include "cli/command.h"
#include "cli/say.h"
#include "cli/store_option.h"
#include "cli/terminal.h"
#include "memagent/session_store.h"

namespace memagent {
namespace {

using nlohmann::json;

struct SessionsOptions {
  std::string store;
  std::string name;
  bool json = false;
  std::string path() const { return store_location(store); }
};

std::string utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

json to_json(const SessionInfo& info) {
  json episodes = json::array();
  for (std::size_t i = 0; i < info.spec.questions.size(); ++i) {
    json episode = {{"question", info.spec.questions[i]}};
    if (!info.states_json[i].empty()) {
      const EpisodeState state = episode_state_from_json(info.states_json[i]);
      episode["sections"] = state.sections_read;
      episode["document_tokens"] = state.document_tokens;
      episode["memory"] = state.memory.text;
      episode["finished"] = state.finished;
      if (state.finished) episode["answer"] = state.answer;
    }
    episodes.push_back(std::move(episode));
  }
  return {{"name", info.name},
          {"status", state_of(info)},
          {"created", utc(info.created)},
          {"updated", utc(info.updated)},
          {"document", info.spec.document.name},
          {"document_bytes", info.spec.document.bytes},
          {"conversations", info.conversations},
          {"holder", info.holder},
          {"error", info.error},
          {"settings", json::parse(info.spec.settings_json)},
          {"sources", json::parse(info.spec.sources_json)},
          {"questions", std::move(episodes)}};
}

std::string dump(const json& value, int indent = -1) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

int run_list(const SessionsOptions& options) {
  std::vector<SessionInfo> sessions;
  if (SessionStore::exists(options.path())) {
    sessions = SessionStore(options.path(), SessionStore::Mode::kExisting).list();
  }
  if (options.json) {
    json list = json::array();
    for (const SessionInfo& info : sessions) list.push_back(to_json(info));
    write_output(dump(list));
    return 0;
  }
  if (sessions.empty()) {
    say("memagent: no sessions in {}\n", shown_store(options.path()));
    return 0;
  }
  std::size_t width = 4;
  for (const SessionInfo& info : sessions) width = std::max(width, info.name.size());
  std::string text = fmt::format("{:{}}  {:9}  {:20}  {:>8}  {}\n", "NAME", width, "STATUS",
                                 "UPDATED", "STEPS", "DOCUMENT");
  for (const SessionInfo& info : sessions) {
    text +=
        fmt::format("{:{}}  {:9}  {:20}  {:>8}  {}\n", harmless(info.name), width, state_of(info),
                    utc(info.updated), info.conversations, harmless(info.spec.document.name));
  }
  write_output(text);
  return 0;
}

[[noreturn]] void fail_unknown(const std::string& name) {
  fail(ErrorKind::kUsage, "session '{}': there is none of that name: see memagent sessions list",
       name);
}

int run_show(const SessionsOptions& options) {
  const SessionStore store(options.path(), SessionStore::Mode::kExisting);
  const std::optional<SessionInfo> info = store.find(options.name);
  if (!info) fail_unknown(options.name);
  const json object = to_json(*info);
  if (options.json) {
    write_output(dump(object));
    return 0;
  }
  std::string text = fmt::format(
      "session    {}\nstatus     {}, {} steps\ncreated    {}\nupdated    {}\n"
      "document   {}, {} bytes\nsettings   {}",
      harmless(info->name), state_of(*info), info->conversations, utc(info->created),
      utc(info->updated), harmless(info->spec.document.name), info->spec.document.bytes,
      dump(object["settings"]));
  if (!info->holder.empty()) text += fmt::format("read by    {}\n", harmless(info->holder));
  if (!info->error.empty()) text += fmt::format("error      {}\n", harmless(info->error));
  for (const json& episode : object["questions"]) {
    text += fmt::format("\nquestion   {}\n", harmless(episode["question"].get<std::string>()));
    if (!episode.contains("sections")) continue;
    text += fmt::format("read       {} sections, {} tokens\nmemory     {}\n",
                        episode["sections"].get<std::int64_t>(),
                        episode["document_tokens"].get<std::int64_t>(),
                        harmless(episode["memory"].get<std::string>()));
    if (episode.contains("answer")) {
      text += fmt::format("answer     {}\n", harmless(episode["answer"].get<std::string>()));
    }
  }
  write_output(text);
  return 0;
}

int run_cancel(const SessionsOptions& options) {
  SessionStore store(options.path(), SessionStore::Mode::kExisting);
  if (!store.withdraw(options.name)) fail_unknown(options.name);
  return 0;
}

int run_delete(const SessionsOptions& options) {
  SessionStore store(options.path(), SessionStore::Mode::kExisting);
  if (!store.remove(options.name)) fail_unknown(options.name);
  return 0;
}

}  // namespace

std::vector<Command> add_sessions_commands(CLI::App& program) {
  CLI::App* group =
      program.add_subcommand("sessions", "List, show, cancel and delete kept sessions");
  group->require_subcommand(1);
  std::vector<Command> commands;
  const auto add = [&](const char* name, const char* help, bool named,
                       int (*run)(const SessionsOptions&)) {
    CLI::App* app = group->add_subcommand(name, help);
    const auto options = std::make_shared<SessionsOptions>();
    if (named) {
      app->add_option("name", options->name, "The session's name")->required()->type_name("NAME");
    }
    add_store_option(*app, options->store);
    if (run == run_list || run == run_show) app->add_flag("--json", options->json, "Write JSON");
    commands.push_back({app, [options, run] { return run(*options); }});
  };
  add("list", "The sessions of the store, latest first", false, run_list);
  add("show", "One session: settings, progress, memory, answers", true, run_show);
  add("cancel", "Take a session from the queue of a shared store, and from its reader", true,
      run_cancel);
  add("delete", "Forget a session", true, run_delete);
  return commands;
}

}  // namespace memagent
