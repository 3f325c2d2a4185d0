#include "server/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

constexpr int kBacklog = 1024;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve_host(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) {
    fail(ErrorKind::kUsage, "--host: {}: {}: give an address of this machine", host,
         gai_strerror(code));
  }
  return Addresses(list);
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  if (address->sa_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  }
  return false;
}

}  // namespace

// Opens what a request goes through to whoever has its own sockets.
class HttpServer::Dispatcher : public httplib::Server {
 public:
  // Reads a request and replies to it; false if the connection is at its end. A template, so that
  // of the two ways only the one that this version of cpp-httplib has is compiled.
  template <typename Connection>
  bool process(Connection& connection, bool& closed) {
    const auto attach = [&](httplib::Request& request) { connection.attach(request); };
    if constexpr (requires { process_request(connection, false, closed, attach); }) {
      return process_request(connection, false, closed, attach);  // Debian 12's
    } else {
      std::string client;
      std::string local;
      int client_port = 0;
      int local_port = 0;
      connection.get_remote_ip_and_port(client, client_port);
      connection.get_local_ip_and_port(local, local_port);
      return process_request(connection, client, client_port, local, local_port, false, closed,
                             attach);
    }
  }
  // Streams take a server without a socket for one that shuts down.
  void use_socket(int socket) { svr_sock_ = socket; }
  ~Dispatcher() override { svr_sock_ = INVALID_SOCKET; }
};

HttpServer::HttpServer(const HttpServerOptions& options,
                       std::function<void(const RequestRecord&)> on_request_done)
    : options_(options),
      on_request_done_(std::move(on_request_done)),
      dispatcher_(std::make_unique<Dispatcher>()) {
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  MEMAGENT_CHECK(stop_fd_ >= 0, "eventfd: {}", std::strerror(errno));
  try {
    listen_on(options_.host, options_.port);
  } catch (...) {
    close(stop_fd_);
    throw;
  }
  dispatcher_->use_socket(listener_);
  // What replies tell clients about keeping connections.
  const auto seconds = std::chrono::floor<std::chrono::seconds>(options_.limits.idle_timeout) / 2;
  dispatcher_->set_keep_alive_timeout(std::max<std::int64_t>(1, seconds.count()));
  dispatcher_->set_keep_alive_max_count(1'000'000);
  // A connection that ends with this reply is not to be used for the next request, which would be
  // lost with it (RFC 9112, section 9.6).
  dispatcher_->set_post_routing_handler(
      [](const httplib::Request& request, httplib::Response& response) {
        const HttpConnection* connection = HttpConnection::find(request);
        if (connection == nullptr || !connection->closing()) return;
        response.headers.erase("Keep-Alive");
        response.set_header("Connection", "close");
      });
  dispatcher_->set_logger([](const httplib::Request& request, const httplib::Response& response) {
    HttpConnection* connection = HttpConnection::find(request);
    if (connection == nullptr) return;
    connection->record().method = request.method;
    connection->record().status = response.status;
  });
}

HttpServer::~HttpServer() {
  stop(std::chrono::steady_clock::now());
  close(listener_);
  close(stop_fd_);
}

httplib::Server& HttpServer::routes() { return *dispatcher_; }

void HttpServer::listen_on(const std::string& host, int port) {
  const Addresses addresses = resolve_host(host, port);
  int error = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    const int socket = ::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) {
      error = errno;
      continue;
    }
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(socket, a->ai_addr, a->ai_addrlen) == 0 && listen(socket, kBacklog) == 0) {
      listener_ = socket;
      break;
    }
    error = errno;
    close(socket);
  }
  if (listener_ < 0) {
    fail(ErrorKind::kUsage, "{}:{}: cannot listen: {}: choose another --port or --host", host, port,
         std::strerror(error));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                            : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

void HttpServer::start() {
  acceptor_ = std::thread([this] { accept_connections(); });
}

void HttpServer::stop_accepting() {
  const std::uint64_t one = 1;
  MEMAGENT_CHECK(write(stop_fd_, &one, sizeof one) == sizeof one, "eventfd: {}",
                 std::strerror(errno));
  if (acceptor_.joinable()) acceptor_.join();
  // Whoever comes now is refused, and tries another server, instead of waiting for nobody.
  shutdown(listener_, SHUT_RDWR);
}

void HttpServer::stop(std::chrono::steady_clock::time_point until) {
  stop_accepting();
  std::unique_lock lock(mutex_);
  if (none_left_.wait_until(lock, until, [this] { return connections_ == 0; })) return;
  // Their threads find them closed, and end.
  for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
  none_left_.wait(lock, [this] { return connections_ == 0; });
}

void HttpServer::accept_connections() {
  while (true) {
    pollfd fds[2] = {{listener_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;  // a signal
    if (fds[1].revents != 0) return;
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      // Out of descriptors or memory: some connection has to end first.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        poll(fds + 1, 1, 20);
      }
      continue;
    }
    if (connections_ >= options_.max_connections) {
      constexpr std::string_view kBusy =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
          "Retry-After: 1\r\nConnection: close\r\nContent-Length: 108\r\n\r\n"
          R"({"error":{"message":"too many connections: try again later","type":"server_error",)"
          R"("param":null,"code":null}})";
      static_assert(kBusy.size() - kBusy.find("\r\n\r\n") - 4 == 108);
      [[maybe_unused]] const ssize_t sent =
          send(socket, kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      close(socket);
      continue;
    }
    ++connections_;
    try {
      std::thread([this, socket] { serve(socket); }).detach();
    } catch (const std::system_error&) {  // no more threads
      close(socket);
      const std::lock_guard lock(mutex_);
      --connections_;
    }
  }
}

void HttpServer::serve(int socket) {
  {
    HttpConnection connection(socket, stop_fd_, options_.limits);
    {
      const std::lock_guard lock(mutex_);
      sockets_.insert(socket);
    }
    while (connection.wait_for_request()) {
      bool closed = false;
      const bool kept = dispatcher_->process(connection, closed);
      // One that could not be understood, or did not come in time, has no status; what follows it
      // may be the rest of it.
      if (connection.record().status == 0) break;
      on_request_done_(connection.record());
      if (!kept || closed || connection.closing() || connection.timed_out()) break;
    }
    const std::lock_guard lock(mutex_);
    sockets_.erase(socket);  // before its number is another's
  }
  const std::lock_guard lock(mutex_);
  if (--connections_ == 0) none_left_.notify_all();
}

bool is_loopback(const std::string& host) {
  const Addresses addresses = resolve_host(host, 0);
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    if (!is_loopback(a->ai_addr)) return false;
  }
  return true;
}

}  // namespace memagent
