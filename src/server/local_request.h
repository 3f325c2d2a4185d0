// Who may ask a server without keys: programs of its machine, and pages that it serves itself.
//
// Pages of other sites run on the same machine, in its browser. A browser says whose page asks; but
// whoever owns a name can have it point to 127.0.0.1 once the page is loaded, so that the page asks
// under its own name (DNS rebinding). The name it asks for gives it away: it is none of ours.
#pragma once

#include <httplib.h>

#include <string>

namespace memagent {

// `served_host`: the name or address that the server was told to listen on.
bool is_local_request(const httplib::Headers& headers, const std::string& served_host);

}  // namespace memagent
