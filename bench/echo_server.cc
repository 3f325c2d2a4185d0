#include "echo_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>
#include <unordered_map>

namespace memagent::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Collects N -> word from every `open`N`middle`word`close` in `text`.
void find_notes(std::string_view text, std::string_view open, std::string_view middle,
                std::string_view close, std::map<int, std::string>& found) {
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string_view::npos;) {
    at += open.size();
    int number = 0;
    const auto [end, problem] =
        std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (problem != std::errc()) continue;
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (!rest.starts_with(middle)) continue;
    const std::string_view word = rest.substr(middle.size(), 64);
    const std::size_t length = word.find(close);
    if (length != std::string_view::npos) found[number] = std::string(word.substr(0, length));
  }
}

// One reply as a server sends it; `text` needs no escaping but of line ends.
std::string http_reply(std::string_view text, bool stream, std::size_t prompt_bytes) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  const std::string usage = "\"usage\":{\"prompt_tokens\":" + std::to_string(prompt_bytes / 4) +
                            ",\"completion_tokens\":" + std::to_string(text.size() / 4 + 1) + "}}";
  std::string body;
  if (stream) {
    body.append(
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"role\":\"assistant\",\"content\":\"")
        .append(escaped)
        .append(
            "\"},\"finish_reason\":null}]}\n\n"
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
            "\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],")
        .append(usage)
        .append("\n\ndata: [DONE]\n\n");
  } else {
    body.append(
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":\"echo\","
            "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"")
        .append(escaped)
        .append("\"},\"finish_reason\":\"stop\"}],")
        .append(usage);
  }
  std::string reply = "HTTP/1.1 200 OK\r\nContent-Type: ";
  reply.append(stream ? "text/event-stream" : "application/json")
      .append("\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
  return reply;
}

std::string plain_reply(int status, std::string_view body) {
  std::string reply = "HTTP/1.1 " + std::to_string(status) + " Status\r\n";
  reply.append("Content-Type: application/json\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
  return reply;
}

// Where a header's value begins, npos if it is not there.
std::size_t content_length(std::string_view head) {
  for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    const std::size_t at = head.find(name);
    if (at == std::string_view::npos) continue;
    std::size_t value = 0;
    const std::string_view digits = head.substr(at + name.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  return 0;
}

}  // namespace

std::string scripted_reply(std::string_view body, const EchoServerOptions& options) {
  std::map<int, std::string> noted;
  find_notes(body, "noted ", "=", ".", noted);
  std::map<int, std::string> facts;
  find_notes(body, "[[fact ", ": ", "]]", facts);
  const bool gated = body.find(options.keep_word) != std::string_view::npos;
  const bool news = std::any_of(facts.begin(), facts.end(),
                                [&](const auto& fact) { return !noted.contains(fact.first); });
  if (gated && !news) return options.keep_word;
  noted.merge(facts);
  std::string text = gated ? options.update_word + "\n" : "";
  for (const auto& [number, word] : noted) {
    text += "noted " + std::to_string(number) + "=" + word + ". ";
  }
  if (!noted.empty()) text.pop_back();
  if (text.empty()) text = "nothing was noted";
  return text;
}

struct EchoServer::State {
  struct Connection {
    std::string in;
    std::string out;
    std::uint64_t serial = 0;
  };
  struct Late {
    Clock::time_point due;
    int socket;
    std::uint64_t serial;
    std::string reply;
  };

  EchoServerOptions options;
  int listener = -1;
  int epoll = -1;
  int stop_event = -1;
  int port = 0;
  std::int64_t answered = 0;
  std::uint64_t next_serial = 1;
  std::unordered_map<int, Connection> connections;
  std::deque<Late> late;  // all have the same delay: in order of what is due

  void watch(int socket, std::uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = socket;
    ::epoll_ctl(epoll, operation, socket, &event);
  }

  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      const int yes = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      connections[socket].serial = next_serial++;
      watch(socket, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void drop(int socket) {
    ::close(socket);
    connections.erase(socket);
  }

  // Writes what there is; false if the connection is gone.
  bool flush(int socket, Connection& connection) {
    while (!connection.out.empty()) {
      const ssize_t sent =
          ::send(socket, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) {
        watch(socket, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        return true;
      }
      if (sent <= 0) return false;
      connection.out.erase(0, static_cast<std::size_t>(sent));
      if (connection.out.empty()) watch(socket, EPOLLIN, EPOLL_CTL_MOD);
    }
    return true;
  }

  // Writes a reply at once if nothing is queued before it: the common case costs one system call.
  bool reply(int socket, Connection& connection, std::string text) {
    if (connection.out.empty()) {
      const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent == static_cast<ssize_t>(text.size())) return true;
      if (sent < 0 && errno != EAGAIN) return false;
      connection.out = text.substr(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
      watch(socket, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
      return true;
    }
    connection.out += text;
    return true;
  }

  bool answer(int socket, Connection& connection, std::string_view head, std::string_view body) {
    if (head.starts_with("GET ")) {
      if (head.starts_with("GET /v1/models ")) {
        return reply(socket, connection,
                     plain_reply(200, R"({"object":"list","data":[{"id":"echo"}]})"));
      }
      return reply(socket, connection, plain_reply(404, R"({"error":{"message":"no such page"}})"));
    }
    if (head.find("/completions ") == std::string_view::npos) {
      return reply(socket, connection, plain_reply(404, R"({"error":{"message":"no such page"}})"));
    }
    ++answered;
    const bool stream = body.find("\"stream\":true") != std::string_view::npos;
    std::string text = http_reply(scripted_reply(body, options), stream, body.size());
    if (options.delay.count() == 0) return reply(socket, connection, std::move(text));
    late.push_back({Clock::now() + options.delay, socket, connection.serial, std::move(text)});
    return true;
  }

  // Answers the whole requests in the connection's buffer.
  bool take_requests(int socket, Connection& connection) {
    std::size_t at = 0;
    const std::string_view in = connection.in;
    bool alive = true;
    while (alive) {
      const std::size_t end = in.find("\r\n\r\n", at);
      if (end == std::string_view::npos) break;
      const std::string_view head = in.substr(at, end - at);
      const std::size_t length = content_length(head);
      if (in.size() - (end + 4) < length) break;
      alive = answer(socket, connection, head, in.substr(end + 4, length));
      at = end + 4 + length;
    }
    connection.in.erase(0, at);
    return alive;
  }

  void serve(int socket, std::uint32_t events) {
    const auto found = connections.find(socket);
    if (found == connections.end()) return;
    Connection& connection = found->second;
    if ((events & EPOLLOUT) != 0 && !flush(socket, connection)) return drop(socket);
    static thread_local std::array<char, 1 << 18> bytes;
    const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(socket);
    connection.in.append(bytes.data(), static_cast<std::size_t>(got));
    if (!take_requests(socket, connection)) drop(socket);
  }

  void send_due() {
    const Clock::time_point now = Clock::now();
    while (!late.empty() && late.front().due <= now) {
      Late next = std::move(late.front());
      late.pop_front();
      const auto found = connections.find(next.socket);
      if (found == connections.end() || found->second.serial != next.serial) continue;
      if (!reply(next.socket, found->second, std::move(next.reply))) drop(next.socket);
    }
  }
};

EchoServer::EchoServer(EchoServerOptions options) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.options = std::move(options);
  state.listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(state.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(state.options.port));
  socklen_t size = sizeof address;
  if (::bind(state.listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(state.listener, 4096) != 0 ||
      ::getsockname(state.listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error(std::string("echo server: ") + std::strerror(errno));
  }
  state.port = ntohs(address.sin_port);
  state.epoll = ::epoll_create1(EPOLL_CLOEXEC);
  state.stop_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  state.watch(state.listener, EPOLLIN, EPOLL_CTL_ADD);
  state.watch(state.stop_event, EPOLLIN, EPOLL_CTL_ADD);
}

EchoServer::~EchoServer() {
  for (const auto& [socket, connection] : state_->connections) ::close(socket);
  for (const int descriptor : {state_->listener, state_->epoll, state_->stop_event}) {
    ::close(descriptor);
  }
}

int EchoServer::port() const { return state_->port; }
std::int64_t EchoServer::answered() const { return state_->answered; }

void EchoServer::stop() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(state_->stop_event, &one, sizeof one);
}

void EchoServer::run() {
  State& state = *state_;
  std::array<epoll_event, 512> events{};
  for (;;) {
    int timeout = -1;
    if (!state.late.empty()) {
      const auto left = state.late.front().due - Clock::now();
      timeout = static_cast<int>(
          std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    }
    const int ready = ::epoll_wait(state.epoll, events.data(), events.size(), timeout);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[i].data.fd;
      if (descriptor == state.stop_event) return;
      if (descriptor == state.listener) {
        state.accept_all();
      } else {
        state.serve(descriptor, events[i].events);
      }
    }
    state.send_due();
  }
}

void allow_many_connections() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace memagent::bench
