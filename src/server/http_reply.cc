#include "server/http_reply.h"

#include <fmt/format.h>

#include <new>

#include "server/http_connection.h"

namespace memagent {

void set_json(httplib::Response& response, const std::string& json) {
  response.set_content(json, "application/json");
}

void set_error(httplib::Response& response, const ApiError& error) {
  response.status = error.status();
  if (error.status() == 429 || error.status() == 503) {
    response.set_header("Retry-After", std::to_string(error.retry_after().count()));
  }
  if (error.status() == 401) response.set_header("WWW-Authenticate", "Bearer");
  set_json(response, error.json());
}

void guarded(const httplib::Request& request, httplib::Response& response,
             const std::function<void()>& handler) {
  try {
    handler();
  } catch (const ApiError& error) {
    HttpConnection::of(request).record().error = error.code();
    set_error(response, error);
  } catch (const Error& error) {
    HttpConnection::of(request).record().error = word_of(error.kind());
    set_error(response, ApiError(error));
  } catch (const std::bad_alloc&) {
    set_error(response, ApiError(503, "out of memory: try again later, or with less"));
  } catch (const std::exception& error) {
    set_error(response, ApiError(500, fmt::format("a fault of memagent's own, please report it: {}",
                                                  error.what())));
  }
}

}  // namespace memagent
