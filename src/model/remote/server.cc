#include "model/remote/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/fail.h"
#include "base/random.h"
#include "format/untrusted_json.h"

namespace memagent {
namespace {

constexpr std::chrono::seconds kDiscoveryTime{30};
// Files and sockets a process has open besides connections to endpoints.
constexpr std::int64_t kOtherFiles = 20;
constexpr const char* kGiveName = "; give the model's name with --model-name";

void need(bool holds, const char* field, std::int64_t value, const char* what) {
  if (!holds) fail(ErrorKind::kUsage, "endpoint option {} is {}; {}", field, value, what);
}

HttpRequest get(const ServerSet& set, const RemoteModelOptions& options, std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  request.headers = set.headers.get();
  request.limits = limits_of(options);
  request.limits.total_timeout =
      std::min<std::chrono::milliseconds>(options.first_byte_timeout, kDiscoveryTime);
  request.limits.first_byte_timeout = request.limits.total_timeout;
  return request;
}

// GET /models of every server in `asked`, at once; replies in the order of `asked`.
std::vector<HttpReply> ask_all(HttpClient& http, const ServerSet& set,
                               const RemoteModelOptions& options,
                               const std::vector<std::size_t>& asked) {
  std::vector<CallId> calls;
  calls.reserve(asked.size());
  for (const std::size_t i : asked) {
    calls.push_back(http.start(get(set, options, set.servers[i].url.api("models"))));
  }
  std::vector<HttpReply> replies;
  while (replies.size() < calls.size()) http.run(replies, Clock::now() + kDiscoveryTime);
  std::vector<HttpReply> ordered;
  for (const CallId call : calls) {
    const auto found = std::find_if(replies.begin(), replies.end(),
                                    [&](const HttpReply& reply) { return reply.id == call; });
    ordered.push_back(std::move(*found));
  }
  return ordered;
}

// Takes what GET /models said. Returns what is wrong, empty if the server can be used.
std::string take_models(const ServerSet& set, RemoteServer& server, const HttpReply& reply,
                        const RemoteModelOptions& options) {
  const auto failure = [&] { return describe_failure(set, reply); };
  if (reply.problem == HttpProblem::kTimeout) return failure() + ": look into the server's log";
  if (reply.problem != HttpProblem::kNone) return failure();
  server.answered = true;
  std::vector<ServedModel> models;
  if (reply.status == 200) {
    const auto listed = read_models(reply.body);
    if (!listed && options.model.empty()) {
      return "the server does not list its models (GET /models: '" + one_line(reply.body, 80) +
             "')" + kGiveName;
    }
    if (listed) models = *listed;
  } else if (reply.status != 404 && reply.status != 405 && reply.status != 501) {
    return failure();
  } else if (options.model.empty()) {
    return "the server does not list its models (GET /models: " + failure() +
           (server.url.ends_in_v1() ? ")" : "; should the URL end in /v1?)") + kGiveName;
  }
  if (options.model.empty() && models.empty()) return std::string("it lists no models") + kGiveName;
  server.model = options.model.empty() ? models.front().id : options.model;
  for (const ServedModel& model : models) {
    if (model.id != server.model) continue;
    server.context_tokens = model.context_tokens;
    server.vocab_size = model.vocab_size;
  }
  return {};
}

}  // namespace

void check_options(const RemoteModelOptions& options) {
  if (options.urls.empty()) fail(ErrorKind::kUsage, "no endpoint given; name at least one URL");
  need(options.max_in_flight >= 1, "max_in_flight", options.max_in_flight, "use at least 1");
  need(options.max_attempts >= 1, "max_attempts", options.max_attempts, "use at least 1");
  need(options.context_tokens >= 0, "context_tokens", options.context_tokens,
       "use 0 (ask the server) or more");
  need(options.max_response_bytes >= 1024, "max_response_bytes", options.max_response_bytes,
       "use at least 1024");
  for (const auto& [name, time] : {std::pair{"connect_timeout", options.connect_timeout},
                                   std::pair{"first_byte_timeout", options.first_byte_timeout},
                                   std::pair{"total_timeout", options.total_timeout}}) {
    need(time.count() > 0, name, time.count(), "use at least 1 ms");
  }
  need(options.first_retry_wait.count() >= 0, "first_retry_wait", options.first_retry_wait.count(),
       "use 0 or more");
  for (const char c : options.api_key) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) {
      fail(ErrorKind::kUsage,
           "MEMAGENT_API_KEY: the API key has a blank or a line end in it: set it without");
    }
  }
  if (!options.extra_fields.empty()) {
    const std::optional<Json> fields = parse_json(options.extra_fields);
    if (!fields || !fields->is_object()) {
      fail(ErrorKind::kUsage,
           "--request-fields: is no JSON object: '{}': write one such as "
           "{{\"chat_template_kwargs\": {{\"enable_thinking\": false}}}}",
           one_line(options.extra_fields, 80));
    }
    for (const char* key : {"messages", "prompt", "stream"}) {
      if (fields->contains(key)) {
        fail(ErrorKind::kUsage, "--request-fields: may not have \"{}\": leave it out", key);
      }
    }
  }
  if (!options.ca_file.empty() && ::access(options.ca_file.c_str(), R_OK) != 0) {
    fail(ErrorKind::kUsage, "{}: certificates cannot be read: {}", options.ca_file,
         std::strerror(errno));
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
      options.max_in_flight + kOtherFiles > static_cast<std::int64_t>(files.rlim_cur)) {
    fail(ErrorKind::kUsage,
         "{} requests in flight need more open files than the {} allowed; raise the limit "
         "(ulimit -n) or allow fewer",
         options.max_in_flight, files.rlim_cur);
  }
}

HttpLimits limits_of(const RemoteModelOptions& options) {
  return {options.connect_timeout, options.first_byte_timeout, options.total_timeout,
          options.max_response_bytes};
}

std::string describe_failure(const ServerSet& set, const HttpReply& reply) {
  if (reply.problem != HttpProblem::kNone) return reply.detail;
  const std::string message = error_message(reply.body);
  std::string text = "HTTP " + std::to_string(reply.status);
  if (reply.status >= 300 && reply.status < 400 && !reply.location.empty()) {
    return text + ", a redirect to '" + one_line(reply.location) + "'; give that address instead";
  }
  if (!message.empty()) text += ": '" + message + "'";
  if (reply.status == 401 || reply.status == 403) {
    text += set.has_key ? "; check MEMAGENT_API_KEY" : "; put its key into MEMAGENT_API_KEY";
  }
  return text;
}

ServerSet discover_servers(HttpClient& http, const RemoteModelOptions& options) {
  ServerSet set;
  std::vector<std::string> secrets = {options.api_key};
  for (const std::string& url : options.urls) {
    set.servers.push_back({EndpointUrl(url), options.model, 0, 0, false});
    secrets.push_back(set.servers.back().url.password());
  }
  set.scrub = Scrubber(std::move(secrets));
  set.has_key = !options.api_key.empty();
  std::vector<std::string> lines = {"Content-Type: application/json", "Expect:"};
  if (set.has_key) lines.push_back("Authorization: Bearer " + options.api_key);
  set.headers = std::make_unique<HttpHeaders>(lines);

  // Busy servers (a model being loaded gives 503) are asked again; dead ones only once, so that a
  // mistyped address is told at once.
  std::vector<std::size_t> asked(set.servers.size());
  for (std::size_t i = 0; i < asked.size(); ++i) asked[i] = i;
  std::vector<std::string> problems(set.servers.size());
  std::size_t usable = 0;
  for (std::int32_t attempt = 1; usable == 0 && !asked.empty(); ++attempt) {
    std::vector<std::size_t> again;
    const std::vector<HttpReply> replies = ask_all(http, set, options, asked);
    for (std::size_t k = 0; k < asked.size(); ++k) {
      RemoteServer& server = set.servers[asked[k]];
      problems[asked[k]] = take_models(set, server, replies[k], options);
      if (problems[asked[k]].empty()) ++usable;
      if (replies[k].problem == HttpProblem::kNone && is_retryable_status(replies[k].status)) {
        server.answered = false;
        again.push_back(asked[k]);
      }
    }
    asked = std::move(again);
    if (usable > 0 || attempt >= options.max_attempts) break;
    if (!asked.empty()) {
      const BackOff back_off{options.first_retry_wait};
      std::this_thread::sleep_for(back_off.after(attempt, uniform(0, attempt)));
    }
  }
  if (usable == 0) {
    std::string all;
    for (std::size_t i = 0; i < set.servers.size(); ++i) {
      all += (i > 0 ? "; " : "") + set.servers[i].url.shown() + ": " + problems[i];
    }
    fail(ErrorKind::kModel, "no endpoint can be used: {}", set.scrub(all));
  }

  const RemoteServer* named = nullptr;
  for (std::size_t i = 0; i < set.servers.size(); ++i) {
    if (!problems[i].empty()) continue;
    RemoteServer& server = set.servers[i];
    if (named != nullptr && named->model != server.model) {
      fail(ErrorKind::kUsage, "the endpoints serve different models ('{}' at {}, '{}' at {}){}",
           one_line(named->model), named->url.shown(), one_line(server.model), server.url.shown(),
           kGiveName);
    }
    if (named == nullptr) named = &server;
    if (server.context_tokens == 0 && options.context_tokens == 0) {
      const HttpReply props = http.fetch(get(set, options, server.url.root("props")));
      if (props.problem == HttpProblem::kNone && props.status == 200) {
        server.context_tokens = read_props_context(props.body);
      }
    }
  }
  // Servers that did not answer yet may come back; they are taken to serve the same.
  for (RemoteServer& server : set.servers) {
    if (server.model.empty()) server.model = named->model;
  }
  return set;
}

}  // namespace memagent
