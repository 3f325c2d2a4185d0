#include "model/remote/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace memagent {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Takes one request off the front of `buffer`, reading more from `socket`; false at the end.
bool read_request(int socket, std::string& buffer, ScriptedRequest& request) {
  const auto more = [&] {
    char bytes[16384];
    const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer.append(bytes, static_cast<std::size_t>(got));
    return true;
  };
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return false;
  }
  std::string head = buffer.substr(0, end);
  buffer.erase(0, end + 4);
  const std::size_t first_end = head.find("\r\n");
  const std::string first = head.substr(0, first_end);
  const std::size_t space = first.find(' ');
  request.method = first.substr(0, space);
  request.path = first.substr(space + 1, first.rfind(' ') - space - 1);
  std::size_t at = first_end;
  while (at != std::string::npos) {
    const std::size_t next = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, next == std::string::npos ? next : next - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos) {
      request.headers[lower(line.substr(0, colon))] =
          line.substr(line.find_first_not_of(' ', colon + 1));
    }
    at = next;
  }
  const auto length = request.headers.find("content-length");
  const std::size_t bytes = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (buffer.size() < bytes) {
    if (!more()) return false;
  }
  request.body = buffer.substr(0, bytes);
  buffer.erase(0, bytes);
  return true;
}

}  // namespace

void ScriptedConnection::send(std::string_view bytes) {
  while (!bytes.empty() && !closed_) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      closed_ = true;
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void ScriptedConnection::reply(int status, const std::string& body, const std::string& type,
                               const std::string& more_headers) {
  send("HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + type +
       "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_headers + "\r\n" +
       body);
}

void ScriptedConnection::close() {
  ::shutdown(socket_, SHUT_WR);
  closed_ = true;
}

void ScriptedConnection::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  closed_ = true;
}

void ScriptedConnection::wait_closed() {
  char bytes[4096];
  while (::recv(socket_, bytes, sizeof bytes, 0) > 0) {
  }
  closed_ = true;
}

ScriptedServer::ScriptedServer(Script script, int port, bool raw, std::string model)
    : script_(std::move(script)), raw_(raw), model_(std::move(model)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 1024) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error(std::string("scripted server: ") + std::strerror(errno));
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void ScriptedServer::accept_loop() {
  while (!stopping_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (stopping_) return;
      continue;
    }
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    const int connection = connections_++;
    threads_.emplace_back([this, socket, connection] { serve(socket, connection); });
  }
}

void ScriptedServer::serve(int socket, int connection) {
  ScriptedConnection peer(socket);
  std::string buffer;
  ScriptedRequest request;
  while (!peer.closed() && (request = {}, read_request(socket, buffer, request))) {
    request.connection = connection;
    {
      const std::lock_guard lock(mutex_);
      request.number = counts_[request.path]++;
      log_.push_back(request);
    }
    if (!raw_ && request.path == "/v1/models") {
      peer.reply(200, R"({"object":"list","data":[{"id":")" + model_ + R"("}]})");
    } else if (!raw_ && (request.path == "/tokenize" || request.path == "/props")) {
      peer.reply(404, R"({"error":{"message":"no such page"}})");
    } else {
      script_(request, peer);
    }
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
  ::close(socket);
}

int ScriptedServer::requests(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(path);
  return found == counts_.end() ? 0 : found->second;
}

std::vector<ScriptedRequest> ScriptedServer::log(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  std::vector<ScriptedRequest> found;
  std::copy_if(log_.begin(), log_.end(), std::back_inserter(found),
               [&](const ScriptedRequest& request) { return request.path == path; });
  return found;
}

std::string chat_reply(const std::string& text, const std::string& finish_reason, int prompt_tokens,
                       int generated_tokens) {
  const nlohmann::json body = {{"id", "chatcmpl-1"},
                               {"object", "chat.completion"},
                               {"choices",
                                {{{"index", 0},
                                  {"message", {{"role", "assistant"}, {"content", text}}},
                                  {"finish_reason", finish_reason}}}},
                               {"usage",
                                {{"prompt_tokens", prompt_tokens},
                                 {"completion_tokens", generated_tokens},
                                 {"total_tokens", prompt_tokens + generated_tokens}}}};
  return body.dump();
}

std::string chat_event(const std::string& text) {
  const nlohmann::json body = {
      {"object", "chat.completion.chunk"},
      {"choices", {{{"index", 0}, {"delta", {{"content", text}}}, {"finish_reason", nullptr}}}}};
  return "data: " + body.dump() + "\n\n";
}

}  // namespace memagent
