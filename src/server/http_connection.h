// One client's connection: bytes in and out with bounds on time, and what is known of the request
// under way. cpp-httplib parses and routes; it reads and writes through this instead of through its
// own sockets, whose time-outs are per call: a client that sends a byte now and then would hold a
// thread for good.
//
// Used by the connection's own thread; stop() by any.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace memagent {

struct ConnectionLimits {
  // A request has to be here within this time, and a second more for every 8 KiB of it.
  std::chrono::milliseconds request_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};   // between requests
  std::chrono::milliseconds write_timeout{30'000};  // without a byte taken
  std::int64_t head_bytes = 64 << 10;               // the request's line and all its headers
};

// Where a request's body ends, by its head (RFC 9112, section 6). Whoever takes the end for
// elsewhere takes a part of the body for another request, or the other way round.
struct BodyFraming {
  enum class Kind {
    kNone,     // the head says nothing: there is no body
    kLength,   // after `length` bytes
    kChunked,  // where the body says
    kBroken,   // it says several things, or one that cannot be understood
  };
  Kind kind = Kind::kNone;
  std::int64_t length = 0;
  bool operator==(const BodyFraming&) const = default;
};

BodyFraming framing_of(const httplib::Headers& headers);

// What the log and the metrics are told of a request.
struct RequestRecord {
  std::string route = "other";  // a known path, never one that a client made up
  std::string method;
  std::string client;  // a key's name, else the address
  std::string key;     // a key's name; empty where none is needed
  int status = 0;
  std::chrono::steady_clock::time_point started;
  std::int64_t body_bytes = 0;
  bool read = false;  // the conversation was read in sections
  std::int64_t sections = 0;
  std::int64_t document_tokens = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::string error;  // a word: "gone", "invalid_api_key"; never text of the request
};

class HttpConnection : public httplib::Stream {
 public:
  // Owns the socket. `stop_fd`: readable once the server shuts down.
  HttpConnection(int socket, int stop_fd, const ConnectionLimits& limits);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // The connection a handler's request came on.
  static HttpConnection& of(const httplib::Request& request);
  // The same; null for a request that was too broken to be attached.
  static HttpConnection* find(const httplib::Request& request);
  // Makes of() work for a request, whose head is whole. To be called before it is routed.
  void attach(httplib::Request& request);
  const BodyFraming& body() const { return body_; }
  // The one part of the reply that was asked for (httplib::Range); nullopt: all of it. httplib
  // would put together as many parts as a client asks for, in memory and whatever the reply.
  const std::optional<std::pair<ssize_t, ssize_t>>& range() const { return range_; }

  // Waits for the first byte of a request; false if none came in time, the client has gone or the
  // server shuts down. Starts a new record.
  bool wait_for_request();
  enum class Event { kReady, kGone, kTimeout };
  // Waits until `fd` is readable or the client has gone. A client that has shut down its sending
  // side counts as gone: a request without a reader is not worth a model's time.
  Event wait(int fd, std::chrono::milliseconds timeout) const;

  // Nothing after this request is read: part of its body may not have been.
  void close_after_reply() { closing_ = true; }
  void keep_after_reply() { closing_ = false; }
  bool closing() const { return closing_; }
  bool timed_out() const { return timed_out_; }  // while a request was read
  RequestRecord& record() { return record_; }
  const std::string& address() const { return address_; }

  // httplib::Stream.
  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override;

 private:
  using Clock = std::chrono::steady_clock;

  int socket_;
  int stop_fd_;
  ConnectionLimits limits_;
  std::string address_;
  int port_ = 0;
  std::array<char, 4096> buffer_;  // received and not yet read
  std::size_t buffer_begin_ = 0;
  std::size_t buffer_end_ = 0;
  std::int64_t received_ = 0;  // of this request
  std::int64_t head_bytes_ = 0;
  bool in_head_ = false;
  BodyFraming body_;
  std::optional<std::pair<ssize_t, ssize_t>> range_;
  bool timed_out_ = false;
  bool closing_ = false;
  RequestRecord record_;
};

}  // namespace memagent
