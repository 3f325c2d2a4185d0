// /v1/sessions: list, show, resume, cancel, delete, trace.
#pragma once

#include <httplib.h>

#include "server/completions.h"
#include "server/session_keeper.h"

namespace memagent {

// Borrows all three.
void set_session_routes(httplib::Server& routes, SessionKeeper& sessions,
                        const Completions& completions, ReadingService& service);

}  // namespace memagent
