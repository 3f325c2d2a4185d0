#include "model/remote/endpoint_url.h"

#include <curl/curl.h>

#include <memory>

#include "base/fail.h"
#include "model/remote/one_line.h"

namespace memagent {
namespace {

std::string part(CURLU* url, CURLUPart what) {
  char* value = nullptr;
  if (curl_url_get(url, what, &value, 0) != CURLUE_OK) return {};
  std::string text = value;
  curl_free(value);
  return text;
}

}  // namespace

EndpointUrl::EndpointUrl(const std::string& text) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url(curl_url(), curl_url_cleanup);
  const bool parsed = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  const std::string scheme = parsed ? part(url.get(), CURLUPART_SCHEME) : "";
  if (scheme != "http" && scheme != "https") {
    // The text may hold a password before an '@'; what follows the last one is safe to show.
    const std::size_t at = text.rfind('@');
    fail(ErrorKind::kUsage, "endpoint '{}' is not a URL; give one like http://localhost:8000/v1",
         one_line(at == std::string::npos ? text : text.substr(at + 1)));
  }
  password_ = part(url.get(), CURLUPART_PASSWORD);
  const std::string query = part(url.get(), CURLUPART_QUERY);
  if (!query.empty()) query_ = "?" + query;
  curl_url_set(url.get(), CURLUPART_QUERY, nullptr, 0);
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  const auto whole = [&] {
    std::string address = part(url.get(), CURLUPART_URL);
    while (address.ends_with('/')) address.pop_back();
    return address;
  };
  base_ = whole();
  ends_in_v1_ = base_.ends_with("/v1");
  root_ = ends_in_v1_ ? base_.substr(0, base_.size() - 3) : base_;
  curl_url_set(url.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(url.get(), CURLUPART_PASSWORD, nullptr, 0);
  shown_ = whole();
}

}  // namespace memagent
