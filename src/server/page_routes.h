// The page of `memagent serve`: one HTML file, built into the program from web/page. It holds
// nothing that is secret, so it is given to whoever asks; what it shows, it gets from the API.
#pragma once

#include <httplib.h>

namespace memagent {

// GET /
void set_page_routes(httplib::Server& routes);

}  // namespace memagent
