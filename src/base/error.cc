#include "memagent/error.h"

namespace memagent {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return 2;
    case ErrorKind::kBadInput:
    case ErrorKind::kStorage:
      return 3;
    case ErrorKind::kModel:
    case ErrorKind::kUnreachable:
      return 4;
    case ErrorKind::kInterrupted:
      return 130;
  }
  return 1;
}

}  // namespace memagent
