#include "server/serving.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

#include "agent/reading.h"

namespace memagent::test {

using nlohmann::json;

Serving::Serving(BlockingModel::Script script, const std::function<void(ServerOptions&)>& change)
    : model(std::move(script), 200) {
  ServerOptions options;
  options.http.port = 0;
  options.window_tokens = 200;
  options.completions.model_name = "blocking";
  options.completions.setting_keys = {"section_tokens", "temperature"};
  options.completions.plan = [](const std::string& settings_json) {
    const json settings = json::parse(settings_json);
    ReadingPlan plan;
    plan.config = small_config();
    plan.config.window_tokens = 200;
    plan.config.section_tokens = settings.value("section_tokens", 20);
    plan.config.sampling.temperature = settings.value("temperature", 0.0F);
    plan.sections = {.section_tokens = plan.config.section_tokens, .cut = Cut::kExact};
    if (plan.config.section_tokens > 100) {
      throw Error(ErrorKind::kUsage, "memagent.section_tokens: more than the window");
    }
    return plan;
  };
  options.log = [this](const std::string& line) {
    const std::lock_guard lock(mutex_);
    log_.push_back(json::parse(line));
  };
  change(options);
  const ChatPromptOptions chat{.format = ChatFormat::kPlain, .as_tokens = true};
  server = std::make_unique<Server>(model, plain_renderer(), chat, std::move(options));
  server->start();
}

Serving::~Serving() {
  model.release();
  server.reset();
}

httplib::Client Serving::client() const { return httplib::Client("127.0.0.1", server->port()); }

std::pair<int, json> Serving::post_text(const std::string& path, const std::string& body) const {
  const httplib::Result result = client().Post(path, body, "application/json");
  if (!result) throw std::runtime_error("no reply: " + httplib::to_string(result.error()));
  return {result->status, json::parse(result->body)};
}

std::pair<int, json> Serving::post(const std::string& path, const json& body) const {
  return post_text(path, body.dump());
}

std::string Serving::metrics() const { return client().Get("/metrics")->body; }

std::vector<json> Serving::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

RawClient::RawClient(int port, int receive_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_bytes > 0) {
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
}

RawClient::~RawClient() { close(socket_); }

void RawClient::send(const std::string& bytes) const {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the server has had enough
    sent += static_cast<std::size_t>(count);
  }
}

void RawClient::shut_down_sending() const { shutdown(socket_, SHUT_WR); }

bool RawClient::has_news(int timeout_ms) const {
  pollfd fd{socket_, POLLIN, 0};
  return poll(&fd, 1, timeout_ms) > 0;
}

bool RawClient::is_let_go(int timeout_ms) const {
  pollfd fd{socket_, POLLRDHUP, 0};
  return poll(&fd, 1, timeout_ms) > 0;
}

std::string RawClient::read_until(const std::string& text) const {
  std::string all;
  char buffer[4096];
  for (ssize_t count; all.find(text) == std::string::npos &&
                      (count = recv(socket_, buffer, sizeof buffer, 0)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(count));
  }
  return all;
}

std::string RawClient::read_to_end() const { return read_until(std::string("\0never\0", 7)); }

json chat(const std::string& text) {
  return {{"messages", json::array({{{"role", "user"}, {"content", text}}})}};
}

std::string post_bytes(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kThreeSections =
    std::string(20, 'a') + std::string(20, 'b') + std::string(20, 'c');

json asking(const std::string& session, const std::string& question) {
  json body = chat(question);
  body["memagent"] = {{"session", session}, {"document", kThreeSections}};
  return body;
}

std::string first_letters(const std::string& prompt) {
  const std::size_t section = prompt.find(" S:");
  if (section != std::string::npos) return "m" + prompt.substr(section + 3, 1);
  return "answer " + prompt.substr(prompt.find(" M:") + 3, 2);
}

std::string stream_chat(const Serving& serving, json body,
                        const std::function<void(const std::string& so_far)>& watch) {
  body["stream"] = true;
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.body = body.dump();
  request.set_header("Content-Type", "application/json");
  std::string all;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    all.append(data, size);
    watch(all);
    return true;
  };
  EXPECT_EQ(serving.client().send(request)->status, 200);
  return all;
}

std::vector<json> events_of(const std::string& body) {
  std::vector<json> events;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("data: ")) continue;
    const std::string data = line.substr(6);
    events.push_back(data == "[DONE]" ? json(data) : json::parse(data));
  }
  return events;
}

}  // namespace memagent::test
