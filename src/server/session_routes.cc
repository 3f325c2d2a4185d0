#include "server/session_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "server/http_connection.h"
#include "server/http_reply.h"
#include "server/session_view.h"

namespace memagent {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 53;
constexpr std::int64_t kMostSteps = 1000;  // of one reply
constexpr std::int64_t kUsualSessions = 100;
constexpr std::int64_t kMostSessions = 1000;

// A query parameter that counts something.
std::int64_t count_of(const httplib::Request& request, const char* name, std::int64_t otherwise) {
  if (!request.has_param(name)) return otherwise;
  const std::string text = request.get_param_value(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMost) {
    throw ApiError(400, fmt::format("{}: must be a whole number, 0 or more", name), name);
  }
  return value;
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
          guarded(request, response, [&] {
            const RequestRecord& record = connection.record();
            const SessionInfo info = sessions.find(request.matches[1], record.key);
            handler(info, Caller{record.client, record.key}, request, response);
          });
        };
  };
  routes.Get(
      "/v1/sessions", [&sessions](const httplib::Request& request, httplib::Response& response) {
        RequestRecord& record = HttpConnection::of(request).record();
        record.route = "/v1/sessions";
        guarded(request, response, [&] {
          const std::int64_t limit = count_of(request, "limit", kUsualSessions);
          if (limit < 1 || limit > kMostSessions) {
            throw ApiError(400, fmt::format("limit: must be 1 to {}", kMostSessions), "limit");
          }
          set_json(response,
                   sessions_json(sessions, sessions.list(record.key,
                                                         request.get_param_value("after"), limit)));
        });
      });
  routes.Get(
      "/v1/sessions/([^/]+)",
      on("/v1/sessions/{id}", [&sessions](const SessionInfo& info, const Caller&,
                                          const httplib::Request&, httplib::Response& response) {
        set_json(response, session_json(sessions, info));
      }));
  routes.Get("/v1/sessions/([^/]+)/trace",
             on("/v1/sessions/{id}/trace",
                [&sessions](const SessionInfo& info, const Caller& caller, const httplib::Request&,
                            httplib::Response& response) {
                  response.set_content(sessions.trace(info.name, caller.key), "application/jsonl");
                }));
  routes.Get(
      "/v1/sessions/([^/]+)/steps",
      on("/v1/sessions/{id}/steps",
         [&sessions, &completions](const SessionInfo& info, const Caller&,
                                   const httplib::Request& request, httplib::Response& response) {
           StepRange range;
           range.after = count_of(request, "after", 0);
           range.limit = std::min(count_of(request, "limit", kMostSteps), kMostSteps);
           set_json(response, steps_json(sessions, info, range, completions.empty_memory()));
         }));
  routes.Get("/v1/sessions/([^/]+)/text",
             on("/v1/sessions/{id}/text",
                [&sessions](const SessionInfo& info, const Caller&, const httplib::Request& request,
                            httplib::Response& response) {
                  const std::int64_t begin = count_of(request, "begin", 0);
                  const std::int64_t end = count_of(request, "end", kMost);
                  if (end < begin) throw ApiError(400, "end: is before begin", "end");
                  set_json(response, text_json(sessions, info, begin, end));
                }));
  routes.Post("/v1/sessions/([^/]+)/resume",
              on("/v1/sessions/{id}/resume",
                 [&sessions, &completions](const SessionInfo& info, const Caller& caller,
                                           const httplib::Request&, httplib::Response& response) {
                   if (info.status != SessionStatus::kFinished) completions.resume(info, caller);
                   response.status = 202;
                   set_json(response, session_json(sessions, sessions.find(info.name, caller.key)));
                 }));
  routes.Post("/v1/sessions/([^/]+)/cancel",
              on("/v1/sessions/{id}/cancel",
                 [&sessions, &service](const SessionInfo& info, const Caller& caller,
                                       const httplib::Request&, httplib::Response& response) {
                   service.cancel_session(info.name);
                   sessions.withdraw(info.name, caller.key);
                   set_json(response, session_json(sessions, sessions.find(info.name, caller.key)));
                 }));
  routes.Delete(
      "/v1/sessions/([^/]+)",
      on("/v1/sessions/{id}", [&sessions](const SessionInfo& info, const Caller& caller,
                                          const httplib::Request&, httplib::Response& response) {
        sessions.remove(info.name, caller.key);
        nlohmann::ordered_json reply = {
            {"id", info.name}, {"object", "session"}, {"deleted", true}};
        set_json(response, reply.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      }));
}

}  // namespace memagent
