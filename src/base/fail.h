// fail(kind, format, values...): throws Error with a formatted one-line message.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "memagent/error.h"

namespace memagent {

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace memagent
