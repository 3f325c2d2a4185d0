// Notes, progress and errors on standard error. Nothing depends on their being read: where they
// cannot be written (a full disk under a server's log, a reader that has gone) they are lost, and
// the work goes on. fmt::print would throw.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <utility>

namespace memagent {

template <typename... T>
void say(fmt::format_string<T...> format, T&&... values) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), format, std::forward<T>(values)...);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

// The same for words that need no memory, so that destructors can have the last one.
inline void say_end(const char* text) noexcept { std::fputs(text, stderr); }

}  // namespace memagent
