#include "mcp/status_tool.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/state_json.h"
#include "base/fail.h"
#include "memagent/session_store.h"

namespace memagent {
namespace {

using nlohmann::ordered_json;

// A list is read by a model, whose window is not for old sessions.
constexpr std::size_t kMostListed = 50;

std::string utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

ordered_json to_json(const SessionInfo& info, bool whole) {
  ordered_json questions = ordered_json::array();
  for (std::size_t i = 0; i < info.spec.questions.size(); ++i) {
    const bool begun = !info.states_json[i].empty();
    const EpisodeState state =
        begun ? episode_state_from_json(info.states_json[i]) : EpisodeState();
    ordered_json question = {{"question", info.spec.questions[i]},
                             {"sections", state.sections_read},
                             {"document_tokens", state.document_tokens},
                             {"pass", state.pass},
                             {"finished", state.finished}};
    if (whole && begun) question["memory"] = state.memory.text;
    if (whole && state.finished) question["answer"] = state.answer;
    questions.push_back(std::move(question));
  }
  return {{"session", info.name},
          {"status", state_of(info)},
          {"created", utc(info.created)},
          {"updated", utc(info.updated)},
          {"document", info.spec.document.name},
          {"document_bytes", info.spec.document.bytes},
          {"conversations", info.conversations},
          {"questions", std::move(questions)}};
}

}  // namespace

std::string session_status(const StatusArguments& arguments, const std::string& store) {
  ordered_json sessions = ordered_json::array();
  std::size_t left_out = 0;
  const bool exists = SessionStore::exists(store);
  if (!arguments.session.empty()) {
    const auto info =
        exists ? SessionStore(store, SessionStore::Mode::kExisting).find(arguments.session)
               : std::nullopt;
    if (!info) {
      fail(ErrorKind::kUsage,
           "session '{}': there is none of that name: call session_status without a name for a "
           "list",
           arguments.session);
    }
    sessions.push_back(to_json(*info, true));
  } else if (exists) {
    std::vector<SessionInfo> all = SessionStore(store, SessionStore::Mode::kExisting).list();
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.updated > b.updated; });
    left_out = all.size() - std::min(all.size(), kMostListed);
    all.resize(all.size() - left_out);
    for (const SessionInfo& info : all) sessions.push_back(to_json(info, false));
  }
  const ordered_json result = {{"sessions", std::move(sessions)}, {"left_out", left_out}};
  return result.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace memagent
