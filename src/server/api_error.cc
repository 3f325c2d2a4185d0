#include "server/api_error.h"

#include <nlohmann/json.hpp>
#include <string_view>

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

std::string message_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kStorage:
      // Who holds a session. All others are of files, and name them.
      if (std::string_view(error.what()).starts_with("session '")) return error.what();
      return "the server cannot read or write its files: try again later, or tell who runs it";
    case ErrorKind::kUnreachable:
      return "the server's store does not answer: try again later";
    default:
      return error.what();
  }
}

const char* code_of(ErrorKind kind) {
  return kind == ErrorKind::kStorage || kind == ErrorKind::kUnreachable ? word_of(kind) : "";
}

}  // namespace

const char* word_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return "usage";
    case ErrorKind::kBadInput:
      return "bad_input";
    case ErrorKind::kModel:
      return "model";
    case ErrorKind::kStorage:
      return "storage";
    case ErrorKind::kUnreachable:
      return "unreachable";
    case ErrorKind::kInterrupted:
      return "interrupted";
  }
  return "";
}

ApiError::ApiError(const Error& error)
    : ApiError(status_of(error.kind()), message_of(error), "", code_of(error.kind())) {}

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
