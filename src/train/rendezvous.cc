#include "train/rendezvous.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/fail.h"

namespace memagent {
namespace {

int number_in(const char* name, int least, int most) {
  const char* text = std::getenv(name);
  if (text == nullptr) {
    fail(ErrorKind::kUsage, "WORLD_SIZE is set, but not {}: start with torchrun, or set it", name);
  }
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stopped != end || value < least || value > most) {
    fail(ErrorKind::kUsage, "{}={}: must be a number from {} to {}", name, text, least, most);
  }
  return value;
}

std::string text_in(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

std::vector<std::string> parts_of(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (comma != 0) parts.emplace_back(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return parts;
}

// Of the end of a socket that would send to `to`; empty if there is no way. Nothing is sent.
std::string own_end(const addrinfo& to) {
  const int descriptor = ::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return "";
  std::string address;
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  char text[NI_MAXHOST];
  if (::connect(descriptor, to.ai_addr, to.ai_addrlen) == 0 &&
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof(text), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
    address = text;
  }
  ::close(descriptor);
  return address;
}

}  // namespace

Rendezvous rendezvous_from_environment() {
  Rendezvous rendezvous;
  if (std::getenv("WORLD_SIZE") == nullptr) return rendezvous;
  rendezvous.world_size = number_in("WORLD_SIZE", 1, 65536);
  if (rendezvous.world_size == 1) return rendezvous;
  rendezvous.rank = number_in("RANK", 0, rendezvous.world_size - 1);
  rendezvous.port = number_in("MASTER_PORT", 1, 65535);
  rendezvous.address = text_in("MASTER_ADDR");
  if (rendezvous.address.empty()) {
    fail(ErrorKind::kUsage, "WORLD_SIZE is set, but not MASTER_ADDR: start with torchrun");
  }
  rendezvous.store_is_kept = text_in("TORCHELASTIC_USE_AGENT_STORE") == "True";
  const std::string attempt = text_in("TORCHELASTIC_RESTART_COUNT");
  if (!attempt.empty()) rendezvous.attempt = attempt;
  rendezvous.interfaces = parts_of(text_in("GLOO_SOCKET_IFNAME"));
  return rendezvous;
}

std::string own_address_towards(const std::string& host, int port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  if (error == 0) {
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
      std::string own = own_end(*each);
      if (!own.empty()) return own;
    }
  }
  fail(ErrorKind::kModel, "MASTER_ADDR={}: cannot be reached from here: {}", host,
       error != 0 ? ::gai_strerror(error) : "no network leads there");
}

}  // namespace memagent
