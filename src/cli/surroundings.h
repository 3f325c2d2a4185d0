// What the program finds around it: the terminal, the machine, the date.
#pragma once

#include <string>

namespace memagent {

// Columns of the terminal behind a file descriptor; 80 where there is none.
int terminal_width(int descriptor);
// The processor's name, "unknown" where the system does not tell.
std::string processor_name();
// Now, UTC, ISO 8601: 2026-01-31T12:00:00Z.
std::string date_now();

}  // namespace memagent
