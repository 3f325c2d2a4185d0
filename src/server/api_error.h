// What a request is refused with: an HTTP status and an object in OpenAI's shape,
//
//   {"error": {"message": "...", "type": "invalid_request_error", "param": "model", "code": null}}
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include "memagent/error.h"

namespace memagent {

class ApiError : public std::runtime_error {
 public:
  // `param`: the field at fault; `code`: a word for programs; both may be empty. `retry_after`: of
  // 429 and 503, when it is worth trying again.
  ApiError(int status, const std::string& message, std::string param = "", std::string code = "",
           std::chrono::seconds retry_after = std::chrono::seconds(1))
      : std::runtime_error(message),
        status_(status),
        param_(std::move(param)),
        code_(std::move(code)),
        retry_after_(retry_after) {}
  // What a memagent error means to a client: 400, 422, 502 or 503 by its kind, and its message.
  // That of the server's own disk and store has paths and addresses, which are not told.
  explicit ApiError(const Error& error);

  int status() const { return status_; }
  const std::string& code() const { return code_; }
  std::chrono::seconds retry_after() const { return retry_after_; }
  // The body of the reply.
  std::string json() const;

 private:
  int status_;
  std::string param_;
  std::string code_;
  std::chrono::seconds retry_after_;
};

// A kind of error as a word, for logs: "model", "storage".
const char* word_of(ErrorKind kind);

}  // namespace memagent
