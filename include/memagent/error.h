// What goes wrong because of a user, a file or a peer, as one exception type.
//
// The message is one line: what happened, where (file, key, byte offset, expected and found), and
// what to do about it. A fault of memagent itself is not an Error; it is a failed MEMAGENT_CHECK.
#pragma once

#include <stdexcept>
#include <string>

namespace memagent {

enum class ErrorKind {
  kUsage,        // flags or options that cannot be carried out; exit code 2, HTTP 400
  kBadInput,     // a file or document that is not what it claims to be; exit code 3, HTTP 422
  kModel,        // a model or an endpoint failed; exit code 4, HTTP 502
  kStorage,      // a session could not be read or written; exit code 3, HTTP 503
  kUnreachable,  // the store of sessions does not answer, for now; exit code 4, HTTP 503
  kInterrupted,  // stopped by the user, resumable; exit code 130
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// The process exit code that belongs to a kind: 2, 3, 4 or 130.
int exit_code(ErrorKind kind);

}  // namespace memagent
