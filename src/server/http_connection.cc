#include "server/http_connection.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace memagent {
namespace {

constexpr std::int64_t kSlowestBytesPerSecond = 8 << 10;

// httplib has one member of a request that servers have no use for and that can hold anything.
struct Attached {
  HttpConnection* connection = nullptr;
  bool operator()(std::uint64_t, std::uint64_t) const { return true; }
};

// poll() that goes on after signals. The number of descriptors that are ready, 0 after the time.
int poll_until(pollfd* fds, nfds_t count, std::chrono::steady_clock::time_point until) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    const int wait_ms =
        static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, std::int64_t{24} * 3600 * 1000));
    const int ready = poll(fds, count, wait_ms);
    if (ready >= 0) return ready;
    if (errno != EINTR) return 0;
  }
}

}  // namespace

BodyFraming framing_of(const httplib::Headers& headers) {
  using Kind = BodyFraming::Kind;
  // A name with a blank, as in "Content-Length : 5", is another header to some and not to others.
  for (const auto& [name, value] : headers) {
    if (name.find_first_of(" \t") != std::string::npos) return {Kind::kBroken};
  }
  const auto lengths = headers.equal_range("Content-Length");
  const auto codings = headers.equal_range("Transfer-Encoding");
  const auto count =
      std::distance(lengths.first, lengths.second) + std::distance(codings.first, codings.second);
  if (count == 0) return {Kind::kNone};
  if (count > 1) return {Kind::kBroken};
  if (codings.first != codings.second) {
    const bool chunked = strcasecmp(codings.first->second.c_str(), "chunked") == 0;
    return {chunked ? Kind::kChunked : Kind::kBroken};
  }
  const std::string& digits = lengths.first->second;
  BodyFraming framing{Kind::kLength};
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, framing.length);
  if (error != std::errc() || stop != end || digits.starts_with('-')) return {Kind::kBroken};
  return framing;
}

HttpConnection::HttpConnection(int socket, int stop_fd, const ConnectionLimits& limits)
    : socket_(socket), stop_fd_(stop_fd), limits_(limits) {
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  char text[INET6_ADDRSTRLEN] = "unknown";
  if (getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size) == 0) {
    if (peer.ss_family == AF_INET) {
      const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
      inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
      port_ = ntohs(v4.sin_port);
    } else if (peer.ss_family == AF_INET6) {
      const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
      inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
      port_ = ntohs(v6.sin6_port);
    }
  }
  address_ = text;
}

HttpConnection::~HttpConnection() {
  // What the client still sends is taken for a moment, so that the last reply is not lost to a
  // reset.
  if (shutdown(socket_, SHUT_WR) == 0 && closing_) {
    const auto until = Clock::now() + std::chrono::milliseconds(500);
    pollfd fd{socket_, POLLIN, 0};
    char scrap[4096];
    while (poll_until(&fd, 1, until) > 0 && recv(socket_, scrap, sizeof scrap, MSG_DONTWAIT) > 0) {
    }
  }
  close(socket_);
}

HttpConnection* HttpConnection::find(const httplib::Request& request) {
  const Attached* attached = request.progress.target<Attached>();
  return attached == nullptr ? nullptr : attached->connection;
}

HttpConnection& HttpConnection::of(const httplib::Request& request) {
  HttpConnection* connection = find(request);
  MEMAGENT_CHECK(connection != nullptr, "a request of no connection: {}", request.path);
  return *connection;
}

void HttpConnection::attach(httplib::Request& request) {
  request.progress = Attached{this};
  in_head_ = false;
  body_ = framing_of(request.headers);
  // Where there is none, httplib reads until the client closes.
  if (body_.kind == BodyFraming::Kind::kNone) request.set_header("Content-Length", "0");
  range_.reset();
  if (request.ranges.size() == 1) range_ = request.ranges[0];
  request.ranges.clear();
}

bool HttpConnection::wait_for_request() {
  if (buffer_begin_ == buffer_end_) {
    pollfd fds[2] = {{socket_, POLLIN | POLLRDHUP, 0}, {stop_fd_, POLLIN, 0}};
    if (poll_until(fds, 2, Clock::now() + limits_.idle_timeout) == 0) return false;
    if (fds[1].revents != 0 || (fds[0].revents & POLLIN) == 0) return false;
  }
  record_ = RequestRecord{};
  record_.started = Clock::now();
  record_.client = address_;
  received_ = static_cast<std::int64_t>(buffer_end_ - buffer_begin_);
  head_bytes_ = 0;
  in_head_ = true;
  body_ = {};
  return true;
}

HttpConnection::Event HttpConnection::wait(int fd, std::chrono::milliseconds timeout) const {
  pollfd fds[2] = {{fd, POLLIN, 0}, {socket_, POLLRDHUP, 0}};
  if (poll_until(fds, 2, Clock::now() + timeout) == 0) return Event::kTimeout;
  if (fds[1].revents != 0) return Event::kGone;
  return Event::kReady;
}

bool HttpConnection::is_readable() const {
  if (buffer_begin_ < buffer_end_) return true;
  pollfd fd{socket_, POLLIN, 0};
  return poll_until(&fd, 1, Clock::now()) > 0;
}

bool HttpConnection::is_writable() const {
  pollfd fd{socket_, POLLOUT, 0};
  return poll_until(&fd, 1, Clock::now() + limits_.write_timeout) > 0 &&
         (fd.revents & (POLLERR | POLLHUP)) == 0;
}

ssize_t HttpConnection::read(char* data, std::size_t size) {
  if (in_head_ && head_bytes_ >= limits_.head_bytes) {
    closing_ = true;
    return -1;
  }
  if (buffer_begin_ == buffer_end_) {
    const auto until = record_.started + limits_.request_timeout +
                       std::chrono::milliseconds(received_ * 1000 / kSlowestBytesPerSecond);
    pollfd fd{socket_, POLLIN, 0};
    if (poll_until(&fd, 1, until) == 0) {
      timed_out_ = true;
      return -1;
    }
    const ssize_t count = recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (count <= 0) return count;
    buffer_begin_ = 0;
    buffer_end_ = static_cast<std::size_t>(count);
    received_ += count;
  }
  const std::size_t count = std::min(size, buffer_end_ - buffer_begin_);
  std::memcpy(data, buffer_.data() + buffer_begin_, count);
  buffer_begin_ += count;
  if (in_head_) head_bytes_ += static_cast<std::int64_t>(count);
  return static_cast<ssize_t>(count);
}

ssize_t HttpConnection::write(const char* data, std::size_t size) {
  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t count = send(socket_, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
    } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd fd{socket_, POLLOUT, 0};
      if (poll_until(&fd, 1, Clock::now() + limits_.write_timeout) == 0) return -1;
    } else if (count < 0 && errno != EINTR) {
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = address_;
  port = port_;
}

void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

// httplib refuses descriptors beyond what select() can take, which is not used here.
socket_t HttpConnection::socket() const { return 0; }

}  // namespace memagent
