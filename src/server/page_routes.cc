#include "server/page_routes.h"

#include "server/api_error.h"
#include "server/http_connection.h"
#include "server/http_reply.h"
#include "server/page_html.h"

namespace memagent {

void set_page_routes(httplib::Server& routes) {
  routes.Get("/", [](const httplib::Request& request, httplib::Response& response) {
    HttpConnection::of(request).record().route = request.path;
    guarded(request, response, [&] {
      if (kServePage.empty()) {
        throw ApiError(404,
                       "this memagent was built without its page (-DMEMAGENT_WEB=OFF): use "
                       "the API, docs/serve.md");
      }
      // What the page may run and load stands in the page itself, by hash. No other site may frame
      // it, which only a header can say.
      response.set_header("Content-Security-Policy", "frame-ancestors 'none'");
      response.set_header("X-Content-Type-Options", "nosniff");
      response.set_header("Referrer-Policy", "no-referrer");
      response.set_header("Cross-Origin-Opener-Policy", "same-origin");
      response.set_header("Cache-Control", "no-cache");
      response.set_content(kServePage.data(), kServePage.size(), "text/html; charset=utf-8");
    });
  });
}

}  // namespace memagent
