#include "eval/method.h"

#include "base/check.h"
#include "base/fail.h"

namespace memagent {
namespace {

constexpr Method kMethods[] = {Method::kMemory, Method::kFull, Method::kTruncate,
                               Method::kTruncateMiddle, Method::kRetrieve};

}  // namespace

const char* to_string(Method method) {
  switch (method) {
    case Method::kMemory:
      return "memory";
    case Method::kFull:
      return "full";
    case Method::kTruncate:
      return "truncate";
    case Method::kTruncateMiddle:
      return "truncate-middle";
    case Method::kRetrieve:
      return "retrieve";
  }
  MEMAGENT_CHECK(false, "method {}", static_cast<int>(method));
}

Method parse_method(const std::string& name) {
  for (const Method method : kMethods) {
    if (name == to_string(method)) return method;
  }
  fail(ErrorKind::kUsage,
       "--method: unknown '{}': choose memory, full, truncate, truncate-middle or retrieve", name);
}

}  // namespace memagent
