// What tests of the whole server share: one on a free port over a scripted model, and a client that
// speaks bytes, for what no proper client does.
#pragma once

#include <httplib.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/blocking_model.h"
#include "server/server.h"

namespace memagent::test {

// Sections of 20 tokens, questions of 40, a window of 200. Prompts are those of tests/agent.
class Serving {
 public:
  explicit Serving(
      BlockingModel::Script script,
      const std::function<void(ServerOptions&)>& change = [](ServerOptions&) {});
  ~Serving();

  httplib::Client client() const;
  // The status, and the body as JSON.
  std::pair<int, nlohmann::json> post(const std::string& path, const nlohmann::json& body) const;
  std::pair<int, nlohmann::json> post_text(const std::string& path, const std::string& body) const;
  std::string metrics() const;
  std::vector<nlohmann::json> log() const;  // lines so far
  int port() const { return server->port(); }

  BlockingModel model;
  std::unique_ptr<Server> server;

 private:
  mutable std::mutex mutex_;
  std::vector<nlohmann::json> log_;
};

class RawClient {
 public:
  // `receive_bytes`: what its socket holds of what it does not read; 0: what the system gives.
  explicit RawClient(int port, int receive_bytes = 0);
  ~RawClient();
  void send(const std::string& bytes) const;
  void shut_down_sending() const;
  // All bytes until the server closes the connection.
  std::string read_to_end() const;
  // Whether the server has answered or closed, which is waited for as long as `timeout_ms`.
  bool has_news(int timeout_ms) const;
  // Whether the server lets go of the connection, though nobody reads what it has sent.
  bool is_let_go(int timeout_ms) const;
  // Bytes until `text` is among them, or the end.
  std::string read_until(const std::string& text) const;

 private:
  int socket_;
};

// A chat of one user message.
nlohmann::json chat(const std::string& text);
// Three sections of 20 bytes that begin with a, b and c.
extern const std::string kThreeSections;
// A chat over them that the session of this name keeps.
nlohmann::json asking(const std::string& session, const std::string& question = "Who is it?");
// A script: the memory becomes "m" and the section's first character; the answer is the memory.
std::string first_letters(const std::string& prompt);
// Posts a chat with "stream" and gives its events as they came, all of them. `watch` is shown what
// there is so far whenever more has come.
std::string stream_chat(const Serving& serving, nlohmann::json body,
                        const std::function<void(const std::string& so_far)>& watch);
// An HTTP request with a body.
std::string post_bytes(const std::string& path, const std::string& body);
// The data of each event of a stream, parsed; "[DONE]" as a string.
std::vector<nlohmann::json> events_of(const std::string& body);

}  // namespace memagent::test
