// Checks for faults of ours. They stay on in release builds; MEMAGENT_DCHECK is for kernels.
//
// A failed check throws std::logic_error with the condition, the values and the place, so that a
// program that embeds the library can survive it; no state is promised to be usable afterwards.
#pragma once

#include <fmt/format.h>

#include <stdexcept>

namespace memagent {

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail);

}  // namespace memagent

// MEMAGENT_CHECK(a == b, "a {} b {}", a, b);
#define MEMAGENT_CHECK(condition, ...)                                                    \
  do {                                                                                    \
    if (!(condition)) [[unlikely]]                                                        \
      ::memagent::check_failed(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
  } while (false)

#ifdef NDEBUG
#define MEMAGENT_DCHECK(condition, ...) \
  do {                                  \
  } while (false)
#else
#define MEMAGENT_DCHECK(condition, ...) MEMAGENT_CHECK(condition, __VA_ARGS__)
#endif
