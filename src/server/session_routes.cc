#include "server/session_routes.h"

#include <nlohmann/json.hpp>

#include "agent/state_json.h"
#include "server/http_connection.h"
#include "server/http_reply.h"

namespace memagent {
namespace {

using json = nlohmann::ordered_json;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::int64_t seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

const char* status_of(const SessionInfo& info) {
  if (info.status == SessionStatus::kFinished) return "finished";
  return info.running ? "running" : "stopped";
}

json to_json(const SessionInfo& info) {
  json questions = json::array();
  for (std::size_t i = 0; i < info.spec.questions.size(); ++i) {
    json question = {{"question", info.spec.questions[i]}};
    if (!info.states_json[i].empty()) {
      const EpisodeState state = episode_state_from_json(info.states_json[i]);
      question["sections"] = state.sections_read;
      question["document_tokens"] = state.document_tokens;
      question["memory"] = state.memory.text;
      question["finished"] = state.finished;
      if (state.finished) question["answer"] = state.answer;
    }
    questions.push_back(std::move(question));
  }
  return {{"id", info.name},
          {"object", "session"},
          {"status", status_of(info)},
          {"created_at", seconds(info.created)},
          {"updated_at", seconds(info.updated)},
          {"document_bytes", info.spec.document.bytes},
          {"conversations", info.conversations},
          {"settings", json::parse(info.spec.settings_json)},
          {"questions", std::move(questions)}};
}

}  // namespace

void set_session_routes(httplib::Server& routes, SessionKeeper& sessions,
                        const Completions& completions, ReadingService& service) {
  // A handler of a session that exists.
  const auto on = [&sessions](const char* route, auto handler) {
    return
        [&sessions, route, handler](const httplib::Request& request, httplib::Response& response) {
          HttpConnection& connection = HttpConnection::of(request);
          connection.record().route = route;
          // Bodies mean nothing here, and are not read.
          if (request.method == "POST" && request.get_header_value("Content-Length") != "0") {
            connection.close_after_reply();
          }
          guarded(request, response, [&] {
            const RequestRecord& record = connection.record();
            const SessionInfo info = sessions.find(request.matches[1], record.key);
            handler(info, Caller{record.client, record.key}, response);
          });
        };
  };
  routes.Get("/v1/sessions",
             [&sessions](const httplib::Request& request, httplib::Response& response) {
               RequestRecord& record = HttpConnection::of(request).record();
               record.route = "/v1/sessions";
               guarded(request, response, [&] {
                 json list = {{"object", "list"}, {"data", json::array()}};
                 for (const SessionInfo& info : sessions.list(record.key)) {
                   list["data"].push_back(to_json(info));
                 }
                 set_json(response, dump(list));
               });
             });
  routes.Get("/v1/sessions/([^/]+)",
             on("/v1/sessions/{id}",
                [](const SessionInfo& info, const Caller&, httplib::Response& response) {
                  set_json(response, dump(to_json(info)));
                }));
  routes.Get(
      "/v1/sessions/([^/]+)/trace",
      on("/v1/sessions/{id}/trace",
         [&sessions](const SessionInfo& info, const Caller& caller, httplib::Response& response) {
           response.set_content(sessions.trace(info.name, caller.key), "application/jsonl");
         }));
  routes.Post("/v1/sessions/([^/]+)/resume",
              on("/v1/sessions/{id}/resume",
                 [&sessions, &completions](const SessionInfo& info, const Caller& caller,
                                           httplib::Response& response) {
                   if (info.status != SessionStatus::kFinished) completions.resume(info, caller);
                   response.status = 202;
                   set_json(response, dump(to_json(sessions.find(info.name, caller.key))));
                 }));
  routes.Post("/v1/sessions/([^/]+)/cancel",
              on("/v1/sessions/{id}/cancel",
                 [&sessions, &service](const SessionInfo& info, const Caller& caller,
                                       httplib::Response& response) {
                   service.cancel_session(info.name);
                   set_json(response, dump(to_json(sessions.find(info.name, caller.key))));
                 }));
  routes.Delete(
      "/v1/sessions/([^/]+)",
      on("/v1/sessions/{id}",
         [&sessions](const SessionInfo& info, const Caller& caller, httplib::Response& response) {
           sessions.remove(info.name, caller.key);
           set_json(response, dump({{"id", info.name}, {"object", "session"}, {"deleted", true}}));
         }));
}

}  // namespace memagent
