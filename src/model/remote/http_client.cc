#include "model/remote/http_client.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/certificate.h"
#include "base/check.h"
#include "base/fail.h"
#include "model/remote/one_line.h"

namespace memagent {
namespace {

// Headers of one reply, interim ones included.
constexpr std::int64_t kMaxHeaderBytes = 256 << 10;

void start_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

bool is_tls_problem(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return true;
    default:
      return false;
  }
}

// 0.4 of 400 ms, 900 of 15 minutes.
double seconds(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

// The value of header `line` if its name is `name` (lower case), without blanks around it.
std::optional<std::string> header_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char lower =
        line[i] >= 'A' && line[i] <= 'Z' ? static_cast<char>(line[i] - 'A' + 'a') : line[i];
    if (lower != name[i]) return std::nullopt;
  }
  std::string_view value = line.substr(name.size() + 1);
  while (!value.empty() && static_cast<unsigned char>(value.front()) <= 0x20) {
    value.remove_prefix(1);
  }
  while (!value.empty() && static_cast<unsigned char>(value.back()) <= 0x20) {
    value.remove_suffix(1);
  }
  return std::string(value);
}

}  // namespace

HttpHeaders::HttpHeaders(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) list_ = curl_slist_append(list_, line.c_str());
}

HttpHeaders::~HttpHeaders() { curl_slist_free_all(list_); }

struct HttpClient::Call {
  HttpClient* client = nullptr;
  CURL* easy = nullptr;
  HttpRequest request;
  HttpReply reply;
  std::int64_t header_bytes = 0;
  std::int64_t body_bytes = 0;
  bool first_byte = false;
  bool event_type = false;  // Content-Type: text/event-stream
  std::array<char, CURL_ERROR_SIZE> error{};

  ~Call() { curl_easy_cleanup(easy); }
};

HttpClient::HttpClient(std::int32_t max_connections, std::string ca_file)
    : ca_file_(std::move(ca_file)) {
  start_curl_once();
  multi_ = curl_multi_init();
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  if (multi_ == nullptr || epoll_ < 0 || wake_ < 0 ||
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    const int reason = errno;
    if (wake_ >= 0) ::close(wake_);
    if (epoll_ >= 0) ::close(epoll_);
    curl_multi_cleanup(multi_);
    fail(ErrorKind::kModel, "cannot prepare network connections: {}", std::strerror(reason));
  }
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpClient::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpClient::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(std::max(max_connections, 1)));
}

HttpClient::~HttpClient() {
  for (auto& [id, call] : calls_) curl_multi_remove_handle(multi_, call->easy);
  calls_.clear();
  spare_.clear();
  curl_multi_cleanup(multi_);
  ::close(wake_);
  ::close(epoll_);
}

int HttpClient::on_socket(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* known) {
  auto* client = static_cast<HttpClient*>(self);
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(client->epoll_, EPOLL_CTL_DEL, socket, nullptr);
    curl_multi_assign(client->multi_, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  event.data.fd = socket;
  const int operation = known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(client->epoll_, operation, socket, &event) != 0) {
    // libcurl may have closed and reopened the number behind our back.
    const int other = errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    ::epoll_ctl(client->epoll_, other, socket, &event);
  }
  curl_multi_assign(client->multi_, socket, client);
  return 0;
}

int HttpClient::on_timer(CURLM* /*multi*/, long timeout_ms, void* self) {
  auto* client = static_cast<HttpClient*>(self);
  if (timeout_ms < 0) {
    client->timer_.reset();
  } else {
    client->timer_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

std::size_t HttpClient::on_header(char* data, std::size_t /*one*/, std::size_t size,
                                  void* call_pointer) {
  auto& call = *static_cast<Call*>(call_pointer);
  call.first_byte = true;
  call.header_bytes += static_cast<std::int64_t>(size);
  if (call.header_bytes > kMaxHeaderBytes) {
    call.reply.problem = HttpProblem::kTooLarge;
    return 0;
  }
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    // The headers of the next reply, after an interim one or a proxy's.
    call.event_type = false;
    call.reply.retry_after.clear();
    call.reply.location.clear();
  } else if (auto type = header_value(line, "content-type")) {
    std::transform(type->begin(), type->end(), type->begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    call.event_type = type->starts_with("text/event-stream");
  } else if (auto wait = header_value(line, "retry-after")) {
    call.reply.retry_after = std::move(*wait);
  } else if (auto place = header_value(line, "location")) {
    call.reply.location = std::move(*place);
  }
  return size;
}

std::size_t HttpClient::on_body(char* data, std::size_t /*one*/, std::size_t size,
                                void* call_pointer) {
  auto& call = *static_cast<Call*>(call_pointer);
  call.body_bytes += static_cast<std::int64_t>(size);
  if (call.body_bytes > call.request.limits.max_response_bytes) {
    call.reply.problem = HttpProblem::kTooLarge;
    return 0;
  }
  try {
    if (call.request.on_events && call.event_type) {
      long status = 0;
      curl_easy_getinfo(call.easy, CURLINFO_RESPONSE_CODE, &status);
      if (status == 200) {
        call.reply.events = true;
        if (call.request.on_events(std::string_view(data, size))) return size;
        call.reply.problem = HttpProblem::kStopped;
        return 0;
      }
    }
    call.reply.body.append(data, size);
    return size;
  } catch (...) {
    call.client->thrown_ = std::current_exception();
    return 0;
  }
}

std::unique_ptr<HttpClient::Call> HttpClient::new_call() {
  if (!spare_.empty()) {
    std::unique_ptr<Call> call = std::move(spare_.back());
    spare_.pop_back();
    return call;
  }
  auto call = std::make_unique<Call>();
  call->client = this;
  call->easy = curl_easy_init();
  if (call->easy == nullptr) fail(ErrorKind::kModel, "cannot prepare a network connection");
  CURL* easy = call->easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, call.get());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);  // a redirect could carry the key elsewhere
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "memagent");
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  if (!ca_file_.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpClient::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpClient::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, call.get());
  // Headers of a proxy's own reply are not the server's.
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return call;
}

void HttpClient::release(std::unique_ptr<Call> call) {
  call->request = HttpRequest();
  call->reply = HttpReply();
  call->header_bytes = call->body_bytes = 0;
  call->first_byte = call->event_type = false;
  call->error[0] = '\0';
  spare_.push_back(std::move(call));
}

CallId HttpClient::start(HttpRequest request) {
  std::unique_ptr<Call> call = new_call();
  call->request = std::move(request);
  call->reply.id = next_id_++;
  CURL* easy = call->easy;
  const HttpRequest& what = call->request;
  curl_easy_setopt(easy, CURLOPT_URL, what.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
                   what.headers != nullptr ? what.headers->list() : nullptr);
  if (what.post) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, what.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  const auto milliseconds = [](std::chrono::milliseconds time) {
    return static_cast<long>(std::clamp<std::int64_t>(time.count(), 1, INT32_MAX));
  };
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(what.limits.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(what.limits.total_timeout));
  first_byte_deadlines_.emplace_back(Clock::now() + what.limits.first_byte_timeout, call->reply.id);
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  MEMAGENT_CHECK(code == CURLM_OK, "curl_multi_add_handle: {}", curl_multi_strerror(code));
  const CallId id = call->reply.id;
  calls_.emplace(id, std::move(call));
  return id;
}

void HttpClient::abort(CallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  curl_multi_remove_handle(multi_, found->second->easy);
  release(std::move(found->second));
  calls_.erase(found);
}

void HttpClient::expire_first_bytes(Clock::time_point now, std::vector<HttpReply>& replies) {
  while (!first_byte_deadlines_.empty()) {
    const auto [deadline, id] = first_byte_deadlines_.front();
    const auto found = calls_.find(id);
    if (found != calls_.end() && !found->second->first_byte) {
      if (deadline > now) return;
      HttpReply reply;
      reply.id = id;
      reply.problem = HttpProblem::kTimeout;
      reply.detail = fmt::format("no reply began within {} s",
                                 seconds(found->second->request.limits.first_byte_timeout));
      abort(id);
      replies.push_back(std::move(reply));
    }
    first_byte_deadlines_.pop_front();
  }
}

HttpReply HttpClient::reply_of(Call& call, CURLcode code) {
  HttpReply reply = std::move(call.reply);
  curl_easy_getinfo(call.easy, CURLINFO_RESPONSE_CODE, &reply.status);
  if (code == CURLE_OK) return reply;
  if (reply.problem == HttpProblem::kStopped) return reply;
  if (reply.problem == HttpProblem::kTooLarge) {
    reply.detail =
        fmt::format("more than the {} bytes allowed came",
                    call.header_bytes > kMaxHeaderBytes ? kMaxHeaderBytes
                                                        : call.request.limits.max_response_bytes);
    return reply;
  }
  std::string why = one_line(call.error.data());
  if (why.empty()) why = curl_easy_strerror(code);
  const auto cannot_reach = [&](const std::string& reason) {
    reply.problem = HttpProblem::kConnect;
    reply.detail =
        fmt::format("cannot be reached ({}): check the address and that the server runs", reason);
  };
  if (is_tls_problem(code)) {
    reply.problem = HttpProblem::kTls;
    reply.detail = why;
    long verdict = 0;
    curl_easy_getinfo(call.easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    if (code == CURLE_PEER_FAILED_VERIFICATION && is_untrusted_certificate(verdict)) {
      reply.detail += ": give the authority's certificates with --ca-file FILE";
    }
  } else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
             code == CURLE_COULDNT_RESOLVE_PROXY) {
    cannot_reach(code == CURLE_COULDNT_CONNECT ? curl_easy_strerror(code) : why);
  } else if (code == CURLE_OPERATION_TIMEDOUT) {
    // Not the time of connecting: that is zero for a connection that is used again.
    curl_off_t sending_since = 0;
    curl_easy_getinfo(call.easy, CURLINFO_PRETRANSFER_TIME_T, &sending_since);
    if (sending_since == 0) {
      cannot_reach(fmt::format("no connection within {} s",
                               seconds(std::min(call.request.limits.connect_timeout,
                                                call.request.limits.total_timeout))));
    } else {
      reply.problem = HttpProblem::kTimeout;
      reply.detail = fmt::format("not finished within {} s ({} bytes came)",
                                 seconds(call.request.limits.total_timeout), call.body_bytes);
    }
  } else {
    reply.problem = HttpProblem::kBroken;
    reply.detail = call.body_bytes > 0
                       ? fmt::format("the connection broke after {} bytes of the reply ({})",
                                     call.body_bytes, why)
                       : fmt::format("the connection broke ({})", why);
  }
  return reply;
}

void HttpClient::collect_finished(std::vector<HttpReply>& replies) {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    CURL* easy = message->easy_handle;
    Call* finished = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &finished);
    const auto found = calls_.find(finished->reply.id);
    MEMAGENT_CHECK(found != calls_.end(), "call {} ended twice", finished->reply.id);
    curl_multi_remove_handle(multi_, easy);
    replies.push_back(reply_of(*found->second, code));
    release(std::move(found->second));
    calls_.erase(found);
  }
}

bool HttpClient::run(std::vector<HttpReply>& replies, Clock::time_point until) {
  const std::size_t before = replies.size();
  bool woken = false;
  std::array<epoll_event, 512> events{};
  for (;;) {
    Clock::time_point next = until;
    if (timer_) next = std::min(next, *timer_);
    if (!first_byte_deadlines_.empty()) next = std::min(next, first_byte_deadlines_.front().first);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next - std::min(next, Clock::now()));
    const int timeout = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
    MEMAGENT_CHECK(ready >= 0 || errno == EINTR, "epoll_wait: {}", std::strerror(errno));
    int running = 0;
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd == wake_) {
        std::uint64_t count = 0;
        woken = ::read(wake_, &count, sizeof count) > 0 || woken;
        continue;
      }
      const std::uint32_t what = events[i].events;
      const int action = ((what & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                         ((what & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                         ((what & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      curl_multi_socket_action(multi_, events[i].data.fd, action, &running);
    }
    const Clock::time_point now = Clock::now();
    if (timer_ && *timer_ <= now) {
      timer_.reset();
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect_finished(replies);
    expire_first_bytes(now, replies);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (woken || replies.size() > before || now >= until) return woken;
  }
}

void HttpClient::wake() {
  const std::uint64_t one = 1;
  const int saved = errno;
  // Cannot block; a full counter means that a wake-up is pending already.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
  errno = saved;
}

HttpReply HttpClient::fetch(HttpRequest request) {
  const CallId id = start(std::move(request));
  std::vector<HttpReply> replies;
  for (;;) {
    run(replies, Clock::now() + std::chrono::minutes(1));
    for (HttpReply& reply : replies) {
      if (reply.id == id) return std::move(reply);
    }
    replies.clear();
  }
}

}  // namespace memagent
