// LanguageModel over OpenAI-compatible servers: every request is a call to one of them, asked again
// where that may help, until there is a reply or a reason why there is none.
//
// Everything happens on the owner's thread inside wait(). What the servers are is server.h's
// business, what is said to them wire.h's, which one is asked endpoint_pool.h's; this file moves
// requests between three places: waiting for room (`ready_`), waiting for their next attempt
// (`later_`) and in flight (`calls_`).
#include "memagent/remote_model.h"

#include <algorithm>
#include <ctime>
#include <deque>
#include <queue>
#include <random>
#include <unordered_map>

#include "base/check.h"
#include "base/fail.h"
#include "base/random.h"
#include "model/remote/endpoint_pool.h"
#include "model/remote/http_client.h"
#include "model/remote/server.h"
#include "model/remote/server_tokenizer.h"
#include "model/remote/wire.h"

namespace memagent {
namespace {

// Time-outs and replies that are none are asked again this often at most: each costs a server a
// whole generation, and rarely gets better.
constexpr std::int32_t kCostlyAttempts = 3;
constexpr std::chrono::milliseconds kProbeTime{10'000};

// In Capabilities::name, between the model and what counts its tokens.
constexpr std::string_view kCountedBy = ", tokens counted by ";

class RemoteModel final : public LanguageModel {
 public:
  explicit RemoteModel(const RemoteModelOptions& options);

  const Capabilities& capabilities() const override { return capabilities_; }
  std::shared_ptr<const Tokenizer> tokenizer() const override { return tokenizer_; }
  const std::string& chat_template() const override { return chat_template_; }
  RequestId submit(GenerationRequest request) override;
  void cancel(RequestId id) override;
  void wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) override;
  void wake() override { http_.wake(); }

 private:
  // A request between submit() and its result.
  struct Job {
    RequestId id = 0;
    GenerationRequest request;
    std::int32_t attempts = 0;         // that failed
    std::int32_t costly_attempts = 0;  // of which time-outs and replies that are none
    std::uint64_t lost_rounds = 0;     // of the pool, when it last began to wait
    std::optional<std::size_t> avoid;  // the endpoint that failed last
    std::string problem;               // of the last attempt, with the endpoint
    // While in flight:
    CallId call = 0;
    EndpointPool::Ticket ticket;
    std::unique_ptr<StreamReader> stream;
    bool max_completion_tokens = false;  // how it was written
  };
  enum class Retry {
    kPlain,
    kElsewhere,  // no connection: another endpoint can have it at once
    kCostly,     // see kCostlyAttempts
  };
  // What a server was found not to understand.
  struct Quirks {
    bool max_completion_tokens = false;
    bool no_streams = false;
  };
  struct Later {
    Clock::time_point at;
    RequestId id;
    bool operator>(const Later& other) const { return at > other.at; }
  };

  void dispatch(Clock::time_point now);
  void start(Job& job, const EndpointPool::Ticket& ticket);
  void start_probe(std::size_t endpoint);
  void take_reply(HttpReply& reply, Clock::time_point now);
  void take_status(Job& job, HttpReply& reply, Clock::time_point now);
  bool adapt(Job& job, const HttpReply& reply);
  void succeed(Job& job, WireReply reply);
  void retry_or_fail(Job& job, Retry kind, const std::string& problem, Clock::time_point now);
  void fail_job(Job& job, const std::string& problem);
  void count_lost_rounds();
  void put_back(Job& job);
  double draw() { return uniform(jitter_key_, draws_++); }
  Clock::time_point next_event(Clock::time_point now);
  std::string shown(std::size_t endpoint) const { return servers_->servers[endpoint].url.shown(); }

  RemoteModelOptions options_;
  HttpClient http_;
  std::shared_ptr<const ServerSet> servers_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool tokenizer_is_local_ = true;
  std::string chat_template_;  // servers apply their own
  Capabilities capabilities_;
  std::uint64_t jitter_key_;
  std::uint64_t draws_ = 0;
  BackOff back_off_;
  EndpointPool pool_;
  std::vector<Quirks> quirks_;

  RequestId next_id_ = 1;
  std::unordered_map<RequestId, Job> jobs_;
  std::deque<RequestId> ready_;  // may name jobs that are gone, as may later_
  std::priority_queue<Later, std::vector<Later>, std::greater<>> later_;
  std::unordered_map<CallId, RequestId> calls_;
  std::unordered_map<CallId, std::size_t> probes_;  // to endpoint
  std::uint64_t seen_lost_rounds_ = 0;
  std::vector<GenerationResult> done_;
};

RemoteModelOptions checked(const RemoteModelOptions& options) {
  check_options(options);
  return options;
}

RemoteModel::RemoteModel(const RemoteModelOptions& options)
    : options_(checked(options)),
      http_(options_.max_in_flight + 4, options_.ca_file),
      servers_(std::make_shared<const ServerSet>(discover_servers(http_, options_))),
      jitter_key_((std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()),
      back_off_{options_.first_retry_wait},
      pool_(servers_->servers.size(), back_off_, options_.max_in_flight, [this] { return draw(); }),
      quirks_(servers_->servers.size()) {
  capabilities_.context_tokens = options_.context_tokens;
  const char* counted_by = "a tokenizer file";
  if (!options_.tokenizer_path.empty()) {
    tokenizer_ = load_tokenizer(options_.tokenizer_path);
  } else if ((tokenizer_ = server_tokenizer(servers_, options_))) {
    tokenizer_is_local_ = false;
    counted_by = "the server";
  } else {
    tokenizer_ = estimating_tokenizer();
    counted_by = "an estimate";
  }
  for (const RemoteServer& server : servers_->servers) {
    if (options_.context_tokens != 0 || server.context_tokens == 0) continue;
    capabilities_.context_tokens =
        capabilities_.context_tokens == 0
            ? server.context_tokens
            : std::min(capabilities_.context_tokens, server.context_tokens);
  }
  capabilities_.parallel = options_.max_in_flight;
  // Not where the model is served: a session may go on over other endpoints of the same model. How
  // tokens are counted decides where sections are cut.
  capabilities_.name = servers_->scrub(
      fmt::format("{}{}{}", one_line(servers_->servers[0].model), kCountedBy, counted_by));
}

RequestId RemoteModel::submit(GenerationRequest request) {
  if (!request.prompt.tokens.empty() || request.prompt.messages.empty()) {
    fail(ErrorKind::kUsage, "an endpoint takes prompts as messages, not as token ids");
  }
  if (request.logprobs) {
    fail(ErrorKind::kUsage, "an endpoint gives no log-probabilities; use a local model");
  }
  if (request.max_tokens < 1) {
    fail(ErrorKind::kUsage, "a request for {} tokens; ask for at least 1", request.max_tokens);
  }
  Job job;
  job.id = next_id_++;
  job.request = std::move(request);
  job.lost_rounds = pool_.lost_rounds();
  const RequestId id = job.id;
  jobs_.emplace(id, std::move(job));
  ready_.push_back(id);
  return id;
}

void RemoteModel::cancel(RequestId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  if (job.call != 0) {
    http_.abort(job.call);
    calls_.erase(job.call);
    pool_.ended(job.ticket);
  }
  GenerationResult result;
  result.id = id;
  result.stop = StopReason::kCancelled;
  jobs_.erase(found);
  done_.push_back(std::move(result));
}

void RemoteModel::wait(std::vector<GenerationResult>& results, std::chrono::milliseconds timeout) {
  Clock::time_point now = Clock::now();
  const Clock::time_point deadline =
      timeout >= std::chrono::hours(24) ? Clock::time_point::max() : now + timeout;
  std::vector<HttpReply> replies;
  for (;;) {
    dispatch(now);
    // Results at hand are given at once; the network is looked at all the same, so that a caller
    // who cancels something each time cannot keep it from moving.
    if (done_.empty() && jobs_.empty()) return;
    const Clock::time_point until = done_.empty() ? std::min(deadline, next_event(now)) : now;
    replies.clear();
    const bool woken = http_.run(replies, until);
    now = Clock::now();
    for (HttpReply& reply : replies) take_reply(reply, now);
    count_lost_rounds();
    if (!done_.empty()) {
      std::move(done_.begin(), done_.end(), std::back_inserter(results));
      done_.clear();
      return;
    }
    if (woken || now >= deadline) return;
  }
}

Clock::time_point RemoteModel::next_event(Clock::time_point now) {
  while (!later_.empty() && !jobs_.contains(later_.top().id)) later_.pop();
  const Clock::time_point retry = later_.empty() ? Clock::time_point::max() : later_.top().at;
  return std::min(retry, pool_.next_change(now));
}

void RemoteModel::dispatch(Clock::time_point now) {
  while (!later_.empty() && later_.top().at <= now) {
    ready_.push_front(later_.top().id);
    later_.pop();
  }
  for (const std::size_t endpoint : pool_.due_probes(now)) start_probe(endpoint);
  while (!ready_.empty() && calls_.size() < static_cast<std::size_t>(options_.max_in_flight)) {
    const auto found = jobs_.find(ready_.front());
    if (found != jobs_.end()) {
      const auto ticket = pool_.begin(now, found->second.avoid);
      if (!ticket) return;
      start(found->second, *ticket);
    }
    ready_.pop_front();
  }
}

void RemoteModel::start(Job& job, const EndpointPool::Ticket& ticket) {
  const RemoteServer& server = servers_->servers[ticket.endpoint];
  const Quirks& quirks = quirks_[ticket.endpoint];
  // Streaming costs a connection each time a generation is cut short, so it is used only where
  // there is something to cut short, or somebody who watches.
  const bool stream =
      (!job.request.complete_responses.empty() || job.request.on_text) && !quirks.no_streams;
  HttpRequest request;
  request.url =
      server.url.api(options_.api == EndpointApi::kChat ? "chat/completions" : "completions");
  request.post = true;
  request.body =
      request_body(job.request, server.model,
                   {options_.api, quirks.max_completion_tokens, options_.extra_fields}, stream);
  request.headers = servers_->headers.get();
  request.limits = limits_of(options_);
  if (stream) {
    job.stream =
        std::make_unique<StreamReader>(options_.api, job.request.complete_responses,
                                       static_cast<std::size_t>(options_.max_response_bytes));
    // The job stays where it is for as long as the call lasts.
    request.on_events = [&job](std::string_view bytes) {
      const bool more = job.stream->feed(bytes);
      if (job.request.on_text) job.request.on_text(job.stream->text());
      return more;
    };
  }
  job.ticket = ticket;
  job.max_completion_tokens = quirks.max_completion_tokens;
  job.call = http_.start(std::move(request));
  calls_.emplace(job.call, job.id);
}

void RemoteModel::start_probe(std::size_t endpoint) {
  HttpRequest request;
  request.url = servers_->servers[endpoint].url.api("models");
  request.headers = servers_->headers.get();
  request.limits = limits_of(options_);
  request.limits.total_timeout = std::min(options_.first_byte_timeout, kProbeTime);
  probes_.emplace(http_.start(std::move(request)), endpoint);
}

void RemoteModel::take_reply(HttpReply& reply, Clock::time_point now) {
  if (const auto probe = probes_.find(reply.id); probe != probes_.end()) {
    if (reply.problem == HttpProblem::kNone && reply.status < 500) {
      pool_.probe_succeeded(probe->second);
    } else {
      pool_.probe_failed(probe->second, now);
    }
    probes_.erase(probe);
    return;
  }
  const auto call = calls_.find(reply.id);
  MEMAGENT_CHECK(call != calls_.end(), "reply {} to no call", reply.id);
  Job& job = jobs_.at(call->second);
  calls_.erase(call);
  job.call = 0;
  using enum HttpProblem;
  // A stream that broke after its last word is as good as a whole one.
  if (reply.events && reply.problem != kNone && job.stream->check().problem.empty()) {
    reply.problem = kNone;
  }
  if (reply.problem == kNone && reply.status != 200) {
    take_status(job, reply, now);
  } else if (reply.problem == kNone || reply.problem == kStopped) {
    ReplyCheck check = reply.events ? job.stream->check() : read_reply(reply.body, options_.api);
    if (check.problem.empty()) {
      pool_.succeeded(job.ticket);
      succeed(job, std::move(check.reply));
    } else if (check.final) {
      pool_.succeeded(job.ticket);
      fail_job(job, check.problem);
    } else {
      pool_.failed(job.ticket, EndpointFailure::kOther, now);
      retry_or_fail(job, Retry::kCostly, check.problem, now);
    }
  } else {
    pool_.failed(job.ticket,
                 reply.problem == kConnect || reply.problem == kTls ? EndpointFailure::kConnect
                                                                    : EndpointFailure::kOther,
                 now);
    const bool costly = reply.problem == kTimeout || reply.problem == kTooLarge;
    const Retry kind = costly                                               ? Retry::kCostly
                       : reply.problem == kConnect || reply.problem == kTls ? Retry::kElsewhere
                                                                            : Retry::kPlain;
    std::string problem = describe_failure(*servers_, reply);
    if (reply.problem == kTimeout) problem += ": raise --timeout, or lower --max-in-flight";
    // A certificate does not become valid by asking again; another endpoint's may be.
    if (reply.problem == kTls && servers_->servers.size() == 1) {
      fail_job(job, problem);
    } else {
      retry_or_fail(job, kind, problem, now);
    }
  }
}

// A reply with another status than 200.
void RemoteModel::take_status(Job& job, HttpReply& reply, Clock::time_point now) {
  if (!is_retryable_status(reply.status)) {
    pool_.succeeded(job.ticket);  // it works; it is the request that it refuses
    if (adapt(job, reply)) {
      put_back(job);
      ready_.push_front(job.id);
      return;
    }
    const bool hint =
        reply.status == 404 && !servers_->servers[job.ticket.endpoint].url.ends_in_v1();
    fail_job(job,
             describe_failure(*servers_, reply) + (hint ? " (should the URL end in /v1?)" : ""));
    return;
  }
  const auto wait = parse_retry_after(reply.retry_after, std::time(nullptr));
  const bool overload = reply.status == 429 || (reply.status == 503 && wait);
  if (overload || reply.status >= 500) {
    pool_.failed(job.ticket, overload ? EndpointFailure::kOverload : EndpointFailure::kOther, now);
  } else {
    pool_.ended(job.ticket);
  }
  if (wait && *wait > options_.total_timeout) {
    fail_job(job, fmt::format("{}; it asks to wait {} s", describe_failure(*servers_, reply),
                              wait->count()));
    return;
  }
  if (wait) pool_.pause(job.ticket.endpoint, now + *wait);
  retry_or_fail(job, Retry::kPlain, describe_failure(*servers_, reply), now);
}

// Whether the server refused the way a request was written, and another is known.
bool RemoteModel::adapt(Job& job, const HttpReply& reply) {
  if (reply.status != 400 && reply.status != 422) return false;
  Quirks& quirks = quirks_[job.ticket.endpoint];
  const std::string message = error_message(reply.body);
  if (message.find("max_completion_tokens") != std::string::npos && !job.max_completion_tokens &&
      options_.api == EndpointApi::kChat) {
    quirks.max_completion_tokens = true;
    return true;
  }
  if (job.stream && message.find("stream") != std::string::npos) {
    quirks.no_streams = true;
    return true;
  }
  return false;
}

void RemoteModel::put_back(Job& job) {
  job.stream.reset();
  job.lost_rounds = pool_.lost_rounds();
}

void RemoteModel::retry_or_fail(Job& job, Retry kind, const std::string& problem,
                                Clock::time_point now) {
  ++job.attempts;
  if (kind == Retry::kCostly) ++job.costly_attempts;
  job.problem = shown(job.ticket.endpoint) + ": " + problem;
  job.avoid = job.ticket.endpoint;
  if (job.attempts >= options_.max_attempts || job.costly_attempts >= kCostlyAttempts) {
    fail_job(job, problem);
    return;
  }
  put_back(job);
  // Where nothing was sent and another endpoint is there, nothing is gained by waiting.
  const bool at_once = kind == Retry::kElsewhere && pool_.any_usable();
  later_.push({at_once ? now : now + back_off_.after(job.attempts, draw()), job.id});
}

// Requests that wait while no endpoint is usable fail with the endpoints: each time all of them
// have been tried in vain counts as an attempt of every one.
void RemoteModel::count_lost_rounds() {
  if (pool_.lost_rounds() == seen_lost_rounds_) return;
  seen_lost_rounds_ = pool_.lost_rounds();
  std::vector<RequestId> failed;
  for (auto& [id, job] : jobs_) {
    if (job.call != 0 || job.lost_rounds == seen_lost_rounds_) continue;
    job.attempts += static_cast<std::int32_t>(seen_lost_rounds_ - job.lost_rounds);
    job.lost_rounds = seen_lost_rounds_;
    if (job.attempts >= options_.max_attempts) failed.push_back(id);
  }
  std::sort(failed.begin(), failed.end());
  for (const RequestId id : failed) fail_job(jobs_.at(id), "");
}

void RemoteModel::succeed(Job& job, WireReply reply) {
  GenerationResult result;
  result.id = job.id;
  result.text = std::move(reply.text);
  result.stop = reply.stop;
  result.cached_prompt_tokens = reply.cached_prompt_tokens;
  // Servers that do not say, and streams that were closed before they could: counted here, without
  // the server's chat template.
  const Tokenizer* counter = tokenizer_is_local_ ? tokenizer_.get() : nullptr;
  const std::shared_ptr<const Tokenizer> estimate =
      counter == nullptr ? estimating_tokenizer() : nullptr;
  if (counter == nullptr) counter = estimate.get();
  std::vector<TokenId> ids;
  if (reply.prompt_tokens < 0) {
    for (const Message& message : job.request.prompt.messages)
      counter->encode(message.content, ids);
    reply.prompt_tokens = static_cast<std::int64_t>(ids.size());
  }
  if (reply.generated_tokens < 0) {
    ids.clear();
    counter->encode(result.text, ids);
    reply.generated_tokens = static_cast<std::int64_t>(ids.size());
  }
  result.prompt_tokens = reply.prompt_tokens;
  result.generated_tokens = reply.generated_tokens;
  jobs_.erase(result.id);
  done_.push_back(std::move(result));
}

// `problem` empty: what job.problem says.
void RemoteModel::fail_job(Job& job, const std::string& problem) {
  std::string error = job.problem;
  if (!problem.empty()) error = shown(job.ticket.endpoint) + ": " + problem;
  if (error.empty()) error = shown(0) + ": not reachable";
  if (job.attempts > 1) error += fmt::format(" ({} attempts)", job.attempts);
  GenerationResult result;
  result.id = job.id;
  result.stop = StopReason::kFailed;
  result.error = one_line(servers_->scrub(std::move(error)), 500);
  jobs_.erase(result.id);
  done_.push_back(std::move(result));
}

}  // namespace

std::string served_model_name(const std::string& name) {
  return name.substr(0, name.rfind(kCountedBy));
}

std::unique_ptr<LanguageModel> open_remote_model(const RemoteModelOptions& options) {
  return std::make_unique<RemoteModel>(options);
}

}  // namespace memagent
