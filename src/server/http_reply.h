// What handlers share: replies of JSON, and errors that become replies.
#pragma once

#include <httplib.h>

#include <functional>
#include <string>

#include "server/api_error.h"

namespace memagent {

void set_json(httplib::Response& response, const std::string& json);
void set_error(httplib::Response& response, const ApiError& error);
// Runs a handler; what it throws becomes the reply.
void guarded(const httplib::Request& request, httplib::Response& response,
             const std::function<void()>& handler);

}  // namespace memagent
