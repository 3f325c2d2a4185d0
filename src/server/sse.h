// Server-sent events as bytes (WHATWG HTML, section 9.2). Data is JSON and has no line breaks.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

inline std::string sse_event(std::string_view data) {
  return "data: " + std::string(data) + "\n\n";
}

// The event that ends OpenAI's streams.
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

// A comment that clients pass over; tells proxies that the stream is alive.
inline constexpr std::string_view kSseKeepAlive = ": reading\n\n";

}  // namespace memagent
