// The HTTP server: a listening socket, a thread for each connection, cpp-httplib for requests and
// replies. Knows nothing about what is served.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "server/http_connection.h"

namespace memagent {

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an address or a name
  int port = 8080;                 // 0: any that is free
  std::size_t max_connections = 4096;
  ConnectionLimits limits;
};

class HttpServer {
 public:
  // Listens. Throws Error(kUsage) if it cannot. `on_request_done` is called after each request, on
  // its connection's thread.
  HttpServer(const HttpServerOptions& options,
             std::function<void(const RequestRecord&)> on_request_done);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Routes are to be set before start().
  httplib::Server& routes();
  void start();
  // No more connections, and none that waits for a request. Those with one under way go on.
  void stop_accepting();
  // The above, and waits for the rest to end; what has not by `until` is cut off.
  void stop(std::chrono::steady_clock::time_point until);

  int port() const { return port_; }
  std::size_t connections() const { return connections_.load(); }

 private:
  class Dispatcher;

  void listen_on(const std::string& host, int port);
  void accept_connections();
  void serve(int socket);

  HttpServerOptions options_;
  std::function<void(const RequestRecord&)> on_request_done_;
  std::unique_ptr<Dispatcher> dispatcher_;
  int listener_ = -1;
  int stop_fd_ = -1;
  int port_ = 0;
  std::thread acceptor_;
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;  // of what follows
  std::condition_variable none_left_;
  std::set<int> sockets_;  // of connections under way
};

// True for addresses that only programs of this machine can reach. Names are resolved; false if
// any of a name's addresses is another.
bool is_loopback(const std::string& host);

}  // namespace memagent
