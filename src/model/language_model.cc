#include "memagent/language_model.h"

namespace memagent {

const char* to_string(StopReason reason) {
  switch (reason) {
    case StopReason::kEnd:
      return "end";
    case StopReason::kLength:
      return "length";
    case StopReason::kCancelled:
      return "cancelled";
    case StopReason::kFailed:
      return "failed";
  }
  return "unknown";
}

}  // namespace memagent
