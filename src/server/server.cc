#include "server/server.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/fail.h"
#include "base/random.h"
#include "server/api_error.h"
#include "server/file_routes.h"
#include "server/http_reply.h"
#include "server/local_request.h"
#include "server/page_routes.h"
#include "server/reply_json.h"
#include "server/session_routes.h"
#include "server/sse.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::chrono::seconds kKeepAliveEvery{15};
// For replies that say that the server is stopping, once the grace is over.
constexpr std::chrono::seconds kLastWords{1};
constexpr std::size_t kMostPathBytes = 1024;  // routes are regular expressions
// Of a body that nobody reads: some clients send "{}" with every POST.
constexpr std::int64_t kMostUnreadBytes = 4096;
constexpr const char* kChatPath = "/v1/chat/completions";
constexpr const char* kTextPath = "/v1/completions";
constexpr const char* kFilesPath = "/v1/files";

std::int64_t now_unix() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Ids that do not tell how many there were before.
std::string new_id(const char* prefix) {
  static const std::uint64_t seed =
      (std::uint64_t{std::random_device()()} << 32) | std::random_device()();
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{}{:016x}", prefix, derive(seed, count++));
}

// The whole body, at most `most` bytes of it.
std::string read_body(const httplib::Request& request, const httplib::ContentReader& reader,
                      std::int64_t most) {
  HttpConnection& connection = HttpConnection::of(request);
  const auto refuse = [&](int status, const std::string& message) {
    connection.close_after_reply();  // the rest of the body is still to come
    throw ApiError(status, message);
  };
  if (request.is_multipart_form_data()) {
    refuse(415,
           "the body is a form, and must be JSON: upload files to /v1/files, and name them in "
           "messages");
  }
  const std::string too_large = fmt::format(
      "the body is larger than the {} bytes that the server takes: upload the document "
      "to /v1/files, or start the server with more --max-body",
      most);
  if (connection.body().length > most) refuse(413, too_large);
  std::string body;
  bool is_too_large = false;
  const bool read = reader([&](const char* data, std::size_t size) {
    is_too_large = body.size() + size > static_cast<std::size_t>(most);
    if (!is_too_large) body.append(data, size);
    return !is_too_large;
  });
  connection.record().body_bytes = static_cast<std::int64_t>(body.size());
  if (is_too_large) refuse(413, too_large);
  if (connection.timed_out()) refuse(408, "the request took too long to arrive: send it faster");
  if (!read) refuse(400, "the body ended before its length, or cannot be decoded");
  return body;
}

void note_outcome(RequestRecord& record, const ReadingOutcome& outcome) {
  record.prompt_tokens = outcome.prompt_tokens;
  record.generated_tokens = outcome.generated_tokens;
  if (outcome.error) record.error = word_of(outcome.error->kind());
  if (outcome.states.empty()) return;
  record.read = true;
  record.sections = outcome.states[0].sections_read;
  record.document_tokens = outcome.states[0].document_tokens;
}

void apply_stops(const CompletionRequest& request, ReadingOutcome& outcome) {
  const auto apply = [&](std::string& text, StopReason& stop) {
    const std::size_t bytes = text.size();
    text = cut_at_stop(std::move(text), request.stop);
    if (text.size() < bytes) stop = StopReason::kEnd;
  };
  apply(outcome.text, outcome.stop);
  for (ReadingOutcome::Answer& answer : outcome.more) apply(answer.text, answer.stop);
}

ReplyHead head_of(const CompletionRequest& request, const std::string& model) {
  const bool chat = request.api == CompletionApi::kChat;
  return {request.api, new_id(chat ? "chatcmpl-" : "cmpl-"), model, now_unix()};
}

// One reply as events: what its connection's thread does until it has ended.
class EventStream {
 public:
  EventStream(const CompletionRequest& request, ReplyHead head, ReadingService::Handle handle,
              HttpConnection& connection)
      : stop_(request),
        head_(std::move(head)),
        handle_(std::move(handle)),
        connection_(connection) {
    stop_.messages.clear();  // the conversation is held by the reading
  }

  // Writes what there is, once there is something. False if the client has gone.
  bool write_some(httplib::DataSink& sink) {
    if (!began_) {
      began_ = true;
      return head_.api != CompletionApi::kChat || send(sink, sse_event(first_event(head_)));
    }
    switch (connection_.wait(handle_.events().ready_fd(), kKeepAliveEvery)) {
      case HttpConnection::Event::kGone:
        connection_.record().error = "gone";
        return false;
      case HttpConnection::Event::kTimeout:
        return send(sink, std::string(kSseKeepAlive));
      case HttpConnection::Event::kReady:
        break;
    }
    EventQueue::Events events = handle_.events().take();
    std::string text;
    if (events.progress) text += sse_event(progress_event(head_, *events.progress));
    if (!events.outcome) {
      for (const auto& [question, so_far] : events.texts) {
        text += more_text(question, sendable(so_far));
      }
    } else {
      text += ending(*events.outcome);
    }
    if (!text.empty() && !send(sink, text)) return false;
    if (events.outcome) sink.done();
    return true;
  }

 private:
  std::string ending(ReadingOutcome& outcome) {
    note_outcome(connection_.record(), outcome);
    if (outcome.error) return sse_event(ApiError(*outcome.error).json());
    apply_stops(stop_, outcome);
    const auto answer = [&](std::size_t question) -> const std::string& {
      return question == 0 ? outcome.text : outcome.more[question - 1].text;
    };
    for (const auto& [question, sent] : sent_) {
      if (!answer(question).starts_with(sent)) {
        return sse_event(
            ApiError(502, "the model's answer broke off and was begun anew: ask again").json());
      }
    }
    std::string text;
    for (std::size_t i = 0; i <= outcome.more.size(); ++i) text += more_text(i, answer(i));
    for (std::size_t i = 0; i <= outcome.more.size(); ++i) {
      text += sse_event(last_event(head_, outcome, i));
    }
    if (stop_.include_usage) text += sse_event(usage_event(head_, outcome));
    return text + std::string(kSseDone);
  }

  // Of an answer that goes on, what no stop can take back.
  std::string_view sendable(const std::string& so_far) const {
    std::size_t longest = 1;
    std::size_t end = so_far.size();
    for (const std::string& stop : stop_.stop) {
      longest = std::max(longest, stop.size());
      end = std::min(end, so_far.find(stop));
    }
    if (end == so_far.size()) end -= std::min(end, longest - 1);
    const std::string_view text = std::string_view(so_far).substr(0, end);
    return text.substr(0, text.size() - incomplete_tail(text));
  }

  // What of an answer has not been sent, as an event.
  std::string more_text(std::size_t question, std::string_view text) {
    std::string& sent = sent_[question];
    if (text.size() <= sent.size() || !text.starts_with(sent)) return "";
    const std::string more(text.substr(sent.size()));
    sent = text;
    return sse_event(text_event(head_, more, question));
  }

  bool send(httplib::DataSink& sink, const std::string& text) {
    if (sink.write(text.data(), text.size())) return true;
    connection_.record().error = "gone";
    return false;
  }

  CompletionRequest stop_;  // without its messages
  ReplyHead head_;
  ReadingService::Handle handle_;
  HttpConnection& connection_;
  bool began_ = false;
  std::map<std::size_t, std::string> sent_;  // of the answers, by question
};

CompletionsOptions with_limits(CompletionsOptions options, KeyLimits& limits) {
  options.limits = &limits;
  return options;
}

}  // namespace

Server::Server(LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
               ChatPromptOptions chat, ServerOptions options)
    : options_(std::move(options)),
      started_(now_unix()),
      limits_(options_.keys.limits()),
      service_(model, renderer, options_.service),
      completions_(model, std::move(renderer), chat, service_,
                   with_limits(options_.completions, limits_)) {
  if (!options_.keys.required() && !is_loopback(options_.http.host)) {
    fail(ErrorKind::kUsage,
         "--host: {}: others can reach it: give --api-key-file, or listen on 127.0.0.1 behind a "
         "proxy",
         options_.http.host);
  }
  http_ = std::make_unique<HttpServer>(
      options_.http, [this](const RequestRecord& record) { on_request_done(record); });
  set_routes();
}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

void Server::start() { http_->start(); }

void Server::stop(std::chrono::milliseconds grace) {
  const auto until = std::chrono::steady_clock::now() + grace;
  http_->stop_accepting();
  service_.stop(grace);
  http_->stop(std::max(until, std::chrono::steady_clock::now() + kLastWords));
}

void Server::set_routes() {
  httplib::Server& routes = http_->routes();
  const auto known = [](const httplib::Request& request) {
    HttpConnection::of(request).record().route = request.path;
  };
  routes.set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        bool pass = false;
        guarded(request, response, [&] {
          check_head(request);
          pass = true;
        });
        if (pass) return httplib::Server::HandlerResponse::Unhandled;
        HttpConnection::of(request).close_after_reply();  // the body has not been read
        return httplib::Server::HandlerResponse::Handled;
      });
  // What httplib itself refuses, and paths that nobody handles.
  routes.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty()) return;
    HttpConnection* connection = HttpConnection::find(request);
    if (connection != nullptr) connection->close_after_reply();
    const char* message = response.status == 404 ? "there is nothing here: see docs/serve.md"
                                                 : "the request cannot be understood";
    set_json(response, ApiError(response.status, message).json());
  });

  routes.Get("/health", [known](const httplib::Request& request, httplib::Response& response) {
    known(request);
    set_json(response, R"({"status":"ok"})");
  });
  routes.Get("/metrics",
             [this, known](const httplib::Request& request, httplib::Response& response) {
               known(request);
               response.set_content(metrics_for(HttpConnection::of(request).record().key),
                                    "text/plain; version=0.0.4");
             });
  routes.Get("/v1/models",
             [this, known](const httplib::Request& request, httplib::Response& response) {
               known(request);
               set_json(response, models_json(about_model()));
             });
  routes.Get("/v1/models/(.+)",
             [this](const httplib::Request& request, httplib::Response& response) {
               HttpConnection::of(request).record().route = "/v1/models/{model}";
               guarded(request, response, [&] {
                 if (!completions_.names_the_model(request.matches[1])) {
                   throw ApiError(404,
                                  fmt::format("there is no such model: this server has '{}'",
                                              options_.completions.model_name),
                                  "model", "model_not_found");
                 }
                 set_json(response, model_json(about_model()));
               });
             });
  const auto post_completions = [&](const char* path, CompletionApi api) {
    routes.Post(path,
                [this, api, known](const httplib::Request& request, httplib::Response& response,
                                   const httplib::ContentReader& body) {
                  known(request);
                  guarded(request, response, [&] { complete(api, request, response, body); });
                });
  };
  post_completions(kChatPath, CompletionApi::kChat);
  post_completions(kTextPath, CompletionApi::kText);
  if (options_.files != nullptr) set_file_routes(routes, *options_.files);
  if (options_.sessions != nullptr) {
    set_session_routes(routes, *options_.sessions, completions_, service_);
  }
  set_page_routes(routes);
}

AboutModel Server::about_model() const {
  return {.name = options_.completions.model_name,
          .created = started_,
          .window_tokens = options_.window_tokens,
          .max_file_bytes = options_.files == nullptr ? 0 : options_.files->max_file_bytes()};
}

// Whether a handler takes the body as it comes. All others httplib would read into memory before it
// looks for a handler, or, with GET and HEAD, leave where the next request is expected.
bool Server::reads_body(const httplib::Request& request) const {
  if (request.method != "POST") return false;
  return request.path == kChatPath || request.path == kTextPath ||
         (request.path == kFilesPath && options_.files != nullptr);
}

// Throws ApiError for a request that may not go on to its handler.
void Server::check_head(const httplib::Request& request) {
  using Kind = BodyFraming::Kind;
  HttpConnection& connection = HttpConnection::of(request);
  const BodyFraming& body = connection.body();
  if (body.kind == Kind::kBroken) {
    throw ApiError(400,
                   "where the request's body ends is not clear: send one Content-Length, of digits "
                   "alone, or Transfer-Encoding: chunked");
  }
  if (request.path.size() > kMostPathBytes) throw ApiError(414, "the path is too long");
  check_caller(request);
  if (reads_body(request)) {
    if (body.kind == Kind::kNone) {
      throw ApiError(411, "the request has no Content-Length: send its body with one");
    }
    return;
  }
  if (body.length == 0 && body.kind != Kind::kChunked) return;
  connection.close_after_reply();
  if (body.kind == Kind::kChunked || body.length > kMostUnreadBytes) {
    throw ApiError(413, "nothing reads a body here: leave it out");
  }
}

// Throws ApiError for a request of somebody who may not make it.
void Server::check_caller(const httplib::Request& request) {
  HttpConnection& connection = HttpConnection::of(request);
  if ((request.path == "/health" || request.path == "/") &&
      (request.method == "GET" || request.method == "HEAD")) {
    return;
  }
  const std::optional<std::string> name =
      options_.keys.check(request.get_header_value("Authorization"));
  if (!name) {
    throw ApiError(401, "the API key is missing or wrong: send it as Authorization: Bearer KEY", "",
                   "invalid_api_key");
  }
  if (!options_.keys.required() && !is_local_request(request.headers, options_.http.host)) {
    throw ApiError(403,
                   "this comes from a page of another site, or asks for a name that is not this "
                   "machine's own: start the server with --api-key-file, or with --host NAME for a "
                   "name of this machine's",
                   "", "cross_site");
  }
  if (!name->empty()) connection.record().client = connection.record().key = *name;
}

void Server::complete(CompletionApi api, const httplib::Request& request,
                      httplib::Response& response, const httplib::ContentReader& body) {
  HttpConnection& connection = HttpConnection::of(request);
  std::shared_ptr<KeyUse> use;
  try {
    use = completions_.admit(connection.record().key);
  } catch (...) {
    connection.close_after_reply();  // the body has not been read
    throw;
  }
  const std::string text = read_body(request, body, options_.max_body_bytes);
  const CompletionRequest parsed =
      parse_completion_request(api, text, options_.completions.setting_keys);
  ReadingService::Handle handle = completions_.start(
      parsed, {.name = connection.record().client, .key = connection.record().key}, std::move(use));
  if (parsed.stream) {
    reply_with_events(parsed, std::move(handle), connection, response);
  } else {
    reply(parsed, std::move(handle), connection, response);
  }
}

void Server::reply(const CompletionRequest& request, ReadingService::Handle handle,
                   HttpConnection& connection, httplib::Response& response) {
  const ReplyHead head = head_of(request, options_.completions.model_name);
  while (true) {
    switch (connection.wait(handle.events().ready_fd(), std::chrono::hours(1))) {
      case HttpConnection::Event::kGone:
        connection.close_after_reply();
        // Nobody sees this but the log: 499, as nginx calls it.
        throw ApiError(499, "the client has gone", "", "gone");
      case HttpConnection::Event::kTimeout:
        continue;
      case HttpConnection::Event::kReady:
        break;
    }
    EventQueue::Events events = handle.events().take();
    if (!events.outcome) continue;
    note_outcome(connection.record(), *events.outcome);
    if (events.outcome->error) throw *events.outcome->error;
    apply_stops(request, *events.outcome);
    set_json(response, reply_json(head, *events.outcome));
    return;
  }
}

void Server::reply_with_events(const CompletionRequest& request, ReadingService::Handle handle,
                               HttpConnection& connection, httplib::Response& response) {
  auto stream = std::make_shared<EventStream>(
      request, head_of(request, options_.completions.model_name), std::move(handle), connection);
  response.set_header("Cache-Control", "no-cache");
  response.set_header("X-Accel-Buffering", "no");  // nginx is to pass events on at once
  response.set_chunked_content_provider(
      "text/event-stream",
      [stream](std::size_t, httplib::DataSink& sink) { return stream->write_some(sink); });
}

// Operators see what every key uses, others what they use themselves.
std::string Server::metrics_for(const std::string& key) const {
  std::vector<KeyTotals> keys = limits_.totals();
  if (!options_.keys.is_operator(key)) {
    std::erase_if(keys, [&](const KeyTotals& one) { return one.name != key; });
  }
  return metrics_.text(service_.totals(), http_->connections(), keys);
}

void Server::on_request_done(const RequestRecord& record) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - record.started).count();
  metrics_.count(record, seconds);
  if (!options_.log) return;
  nlohmann::ordered_json line = {
      {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now_unix()))},
      {"client", record.client},
      {"method", record.method},
      {"route", record.route},
      {"status", record.status},
      {"seconds", seconds},
      {"body_bytes", record.body_bytes}};
  if (record.prompt_tokens > 0) {
    line["prompt_tokens"] = record.prompt_tokens;
    line["generated_tokens"] = record.generated_tokens;
  }
  if (record.read) {
    line["sections"] = record.sections;
    line["document_tokens"] = record.document_tokens;
  }
  if (!record.error.empty()) line["error"] = record.error;
  options_.log(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace memagent
