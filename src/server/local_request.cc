#include "server/local_request.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace memagent {
namespace {

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// "[::1]:8080" is "::1", "localhost:8080" is "localhost".
std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return "";
    const std::string_view rest = authority.substr(end + 1);
    return rest.empty() || rest.starts_with(':') ? authority.substr(1, end - 1) : "";
  }
  return authority.substr(0, authority.find(':'));
}

}  // namespace

bool is_local_request(const httplib::Headers& headers, const std::string& served_host) {
  const auto site = headers.find("Sec-Fetch-Site");
  if (site != headers.end() && site->second == "cross-site") return false;
  const auto [host, after_host] = headers.equal_range("Host");
  const auto origin = headers.find("Origin");
  // Browsers always send one; what else has none is no page.
  if (host == after_host) return origin == headers.end();
  if (std::next(host) != after_host) return false;
  const std::string authority = in_lower_case(host->second);
  const std::string_view name = without_port(authority);
  if (name != "127.0.0.1" && name != "::1" && name != "localhost" &&
      (name.empty() || name != in_lower_case(served_host))) {
    return false;
  }
  if (origin == headers.end()) return true;
  const std::string from = in_lower_case(origin->second);
  return from == "http://" + authority || from == "https://" + authority;
}

}  // namespace memagent
