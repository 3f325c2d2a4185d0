// What every store refuses: names that cannot be shown, and going on with a session as something
// else than it was begun as.
#pragma once

#include <string>

#include "memagent/session_store.h"

namespace memagent {

// Throws Error(kUsage).
void check_name(const std::string& name);
// Throws Error(kUsage) or Error(kBadInput) naming the first difference if the session is about
// something else.
void check_same(const SessionInfo& stored, const SessionSpec& asked);

}  // namespace memagent
