// A loopback HTTP server whose every reply is a script of the test: bytes sent, pauses until the
// test says so, connections reset. It does no more HTTP than telling requests apart, so that it can
// break any rule.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace memagent {

struct ScriptedRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int number = 0;      // of this path, 0-based over the server's life
  int connection = 0;  // 0-based
};

class ScriptedConnection {
 public:
  explicit ScriptedConnection(int socket) : socket_(socket) {}
  void send(std::string_view bytes);
  // A whole, correct reply.
  void reply(int status, const std::string& body, const std::string& type = "application/json",
             const std::string& more_headers = "");
  void close();        // orderly
  void reset();        // RST
  void wait_closed();  // until the peer or the server's end closes the connection
  bool closed() const { return closed_; }
  int socket() const { return socket_; }

 private:
  int socket_;
  bool closed_ = false;
};

class ScriptedServer {
 public:
  using Script = std::function<void(const ScriptedRequest&, ScriptedConnection&)>;

  // `script` is called for every request but GET /v1/models, which lists `model`, and for
  // /tokenize and /props, which are 404 unless `raw` is set: then it is called for all.
  explicit ScriptedServer(Script script, int port = 0, bool raw = false,
                          std::string model = "test-model");
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  int connections() const { return connections_; }
  int requests(const std::string& path) const;
  // All requests so far whose path is `path`.
  std::vector<ScriptedRequest> log(const std::string& path) const;

 private:
  void accept_loop();
  void serve(int socket, int connection);

  Script script_;
  bool raw_;
  std::string model_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<ScriptedRequest> log_;
  std::map<std::string, int> counts_;
  std::vector<int> sockets_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

// The body of a correct chat reply.
std::string chat_reply(const std::string& text, const std::string& finish_reason = "stop",
                       int prompt_tokens = 7, int generated_tokens = 3);
// One event of a stream.
std::string chat_event(const std::string& text);

}  // namespace memagent
