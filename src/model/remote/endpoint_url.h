// The addresses of one OpenAI-compatible server, told from the base URL a user gives.
//
// Knows nothing about what is sent there.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

class EndpointUrl {
 public:
  // `text`: "http://host:8000/v1", also with a query ("?api-version=1") that every call repeats.
  // Throws Error(kUsage) for anything that is not an http or https URL.
  explicit EndpointUrl(const std::string& text);

  // The address of a path under the base URL: api("chat/completions").
  std::string api(std::string_view path) const { return base_ + "/" + std::string(path) + query_; }
  // The address of a path of the server itself, the base URL without its "/v1": root("tokenize").
  std::string root(std::string_view path) const { return root_ + "/" + std::string(path) + query_; }
  // The base URL as messages show it: without user, password and query.
  const std::string& shown() const { return shown_; }
  // The password in the URL, empty if none: never to be shown.
  const std::string& password() const { return password_; }
  bool ends_in_v1() const { return ends_in_v1_; }

 private:
  std::string base_;
  std::string root_;
  std::string query_;
  std::string shown_;
  std::string password_;
  bool ends_in_v1_ = false;
};

}  // namespace memagent
