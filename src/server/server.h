// `memagent serve` without its flags: routes, who may use them, and how replies are given.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/api_keys.h"
#include "server/completions.h"
#include "server/file_store.h"
#include "server/http_server.h"
#include "server/key_limits.h"
#include "server/metrics.h"
#include "server/reading_service.h"
#include "server/reply_json.h"

namespace memagent {

struct ServerOptions {
  HttpServerOptions http;
  ReadingServiceOptions service;
  CompletionsOptions completions;
  ApiKeys keys;
  FileStore* files = nullptr;         // borrowed; null: nothing can be uploaded
  SessionKeeper* sessions = nullptr;  // borrowed; null: nothing is kept
  std::int64_t max_body_bytes = 64 << 20;
  std::int32_t window_tokens = 0;  // of the model, as told to clients; 0: not known
  // Called with one JSON line per request, from any thread. Document text is never in it.
  std::function<void(const std::string& line)> log;
};

class Server {
 public:
  // Listens at once and serves from start() on. Borrows the model. Throws Error(kUsage) for an
  // address that cannot be listened on, or that others can reach while there are no keys.
  Server(LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
         ChatPromptOptions chat, ServerOptions options);
  ~Server();

  void start();
  int port() const { return http_->port(); }
  ReadingService& service() { return service_; }
  // No new requests; those under way have `grace` to end, and a second more to say that they did
  // not.
  void stop(std::chrono::milliseconds grace);

 private:
  void set_routes();
  bool reads_body(const httplib::Request& request) const;
  void check_head(const httplib::Request& request);
  void check_caller(const httplib::Request& request);
  AboutModel about_model() const;
  void complete(CompletionApi api, const httplib::Request& request, httplib::Response& response,
                const httplib::ContentReader& body);
  void reply(const CompletionRequest& request, ReadingService::Handle handle,
             HttpConnection& connection, httplib::Response& response);
  void reply_with_events(const CompletionRequest& request, ReadingService::Handle handle,
                         HttpConnection& connection, httplib::Response& response);
  std::string metrics_for(const std::string& key) const;
  void on_request_done(const RequestRecord& record);

  ServerOptions options_;
  std::int64_t started_;  // seconds since 1970
  KeyLimits limits_;
  ReadingService service_;
  Completions completions_;
  Metrics metrics_;
  std::unique_ptr<HttpServer> http_;  // last: its threads use the rest
};

}  // namespace memagent
