#include "server/api_error.h"

#include <nlohmann/json.hpp>

namespace memagent {
namespace {

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return 400;
    case ErrorKind::kBadInput:
      return 422;
    case ErrorKind::kModel:
      return 502;
    case ErrorKind::kStorage:
    case ErrorKind::kUnreachable:
    case ErrorKind::kInterrupted:
      return 503;
  }
  return 500;
}

const char* type_of(int status) {
  if (status == 401 || status == 403) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

}  // namespace

ApiError::ApiError(const Error& error) : ApiError(status_of(error.kind()), error.what()) {}

std::string ApiError::json() const {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::json() : nlohmann::json(text);
  };
  const nlohmann::json body = {{"error",
                                {{"message", what()},
                                 {"type", type_of(status_)},
                                 {"param", or_null(param_)},
                                 {"code", or_null(code_)}}}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace memagent
