// A loopback endpoint for measuring clients: it answers at once, or after a fixed delay that costs
// nothing however many replies wait for it. One thread, epoll, just enough HTTP/1.1 for clients
// that send a Content-Length.
//
// It plays a memory agent. Evidence in a section is written
//
//   [[fact 17: amber]]
//
// and in a memory "noted 17=amber." A prompt with the keep word in it is a gated update: without a
// fact that the memory lacks it is answered with the keep word, otherwise with the update word, a
// line end and all that is noted then. Any other prompt is answered with what is noted in it, facts
// of a section included. The reply is a function of the request.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace memagent::bench {

struct EchoServerOptions {
  int port = 0;  // 0: any free one
  std::chrono::milliseconds delay{0};
  std::string keep_word = "KEEP";
  std::string update_word = "UPDATE";
};

// The agent's reply to a request body (JSON, looked at as plain text).
std::string scripted_reply(std::string_view body, const EchoServerOptions& options);

class EchoServer {
 public:
  // Throws std::runtime_error if the port cannot be had.
  explicit EchoServer(EchoServerOptions options);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  int port() const;
  // Serves until stop(), which any thread may call.
  void run();
  void stop();
  // Of generations; after run() has returned.
  std::int64_t answered() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// As many open files as the system lets this process have.
void allow_many_connections();

}  // namespace memagent::bench
