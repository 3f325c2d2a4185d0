// Many HTTP calls at once on one thread: libcurl's multi interface driven by epoll, with bounds on
// time and size that libcurl alone does not give.
//
// Knows nothing about models, JSON or retries: a call ends in an HttpReply, whatever happens to it.
// epoll rather than curl_multi_poll, because the latter looks at every open connection whenever one
// of a thousand has something to say; and an eventfd rather than curl_multi_wakeup, because writing
// to one is safe in signal handlers.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/remote/retry.h"

namespace memagent {

// Header lines sent with calls. Immutable; outlives the calls that use it.
class HttpHeaders {
 public:
  explicit HttpHeaders(const std::vector<std::string>& lines);
  ~HttpHeaders();
  HttpHeaders(const HttpHeaders&) = delete;
  HttpHeaders& operator=(const HttpHeaders&) = delete;
  curl_slist* list() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

struct HttpLimits {
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds first_byte_timeout{300'000};  // from the start of the call
  std::chrono::milliseconds total_timeout{900'000};
  std::int64_t max_response_bytes = 8 << 20;
};

struct HttpRequest {
  std::string url;
  bool post = false;
  std::string body;
  const HttpHeaders* headers = nullptr;
  HttpLimits limits;
  // If set, gets the body of a 200 reply of type text/event-stream as it arrives, instead of
  // HttpReply::body; false closes the connection (HttpProblem::kStopped).
  std::function<bool(std::string_view)> on_events;
};

enum class HttpProblem {
  kNone,      // a whole reply came, of whatever status
  kConnect,   // no connection: name not found, refused, connect time-out
  kTls,       // the server's certificate or its TLS is not acceptable
  kBroken,    // the connection broke, or what came is not HTTP
  kTimeout,   // first byte or whole
  kTooLarge,  // over max_response_bytes
  kStopped,   // on_events returned false
};

using CallId = std::uint64_t;

struct HttpReply {
  CallId id = 0;
  HttpProblem problem = HttpProblem::kNone;
  std::string detail;  // one clause on the problem
  long status = 0;
  std::string retry_after;  // header values, empty if none
  std::string location;
  bool events = false;  // the body went to on_events
  std::string body;
};

// Used by one thread, except for wake().
class HttpClient {
 public:
  // Keeps up to `max_connections` connections open between calls.
  // `ca_file`: certificates to trust, empty for the system's.
  explicit HttpClient(std::int32_t max_connections, std::string ca_file = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  CallId start(HttpRequest request);
  // Closes the call; no reply follows. Unknown ids are ignored.
  void abort(CallId id);
  // Works until at least one call has ended, `until` has passed or wake() was called; appends
  // replies. Returns whether wake() was called. Works once over what is ready even if `until` is
  // past.
  bool run(std::vector<HttpReply>& replies, Clock::time_point until);
  // Makes a run() under way, or the next one, return. Any thread, signal handlers too.
  void wake();

  // One call from start to end, with nothing else going on.
  HttpReply fetch(HttpRequest request);

 private:
  struct Call;
  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* known);
  static int on_timer(CURLM* multi, long timeout_ms, void* self);
  static std::size_t on_header(char* data, std::size_t one, std::size_t size, void* call);
  static std::size_t on_body(char* data, std::size_t one, std::size_t size, void* call);

  std::unique_ptr<Call> new_call();
  void release(std::unique_ptr<Call> call);
  void expire_first_bytes(Clock::time_point now, std::vector<HttpReply>& replies);
  void collect_finished(std::vector<HttpReply>& replies);
  HttpReply reply_of(Call& call, CURLcode code);

  std::string ca_file_;
  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  int wake_ = -1;
  std::optional<Clock::time_point> timer_;
  CallId next_id_ = 1;
  std::unordered_map<CallId, std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<Call>> spare_;
  // In order of start; all calls of a client have much the same first-byte time-out, and a call
  // with a shorter one than its predecessor's is looked at when the predecessor's turn has come.
  std::deque<std::pair<Clock::time_point, CallId>> first_byte_deadlines_;
  std::exception_ptr thrown_;  // by an on_events; passed on by run()
};

}  // namespace memagent
