// Strings of a file nobody checked, made fit for a one-line message.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

// Control characters, quotes, backslashes and bytes outside ASCII as \xNN, cut after `limit` bytes
// of the original with "..." for the rest.
std::string printable(std::string_view text, std::size_t limit = 80);

}  // namespace memagent
