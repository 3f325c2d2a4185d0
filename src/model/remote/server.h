// The servers behind one remote model as the parts of this folder share them: addresses, headers,
// secrets to be kept out of messages, and what became known about each.
//
// Knows how to ask a server what it serves; nothing about generations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "memagent/remote_model.h"
#include "model/remote/endpoint_url.h"
#include "model/remote/http_client.h"
#include "model/remote/one_line.h"
#include "model/remote/wire.h"

namespace memagent {

struct RemoteServer {
  EndpointUrl url;
  std::string model;                // the `model` field of its requests
  std::int32_t context_tokens = 0;  // 0: not known
  std::int32_t vocab_size = 0;      // 0: not known
  bool answered = false;            // when the model was opened
};

struct ServerSet {
  std::vector<RemoteServer> servers;
  std::unique_ptr<HttpHeaders> headers;
  Scrubber scrub;
  bool has_key = false;  // it goes with every request
};

// Checks the options: Error(kUsage).
void check_options(const RemoteModelOptions& options);
// Asks every server for its models and context. Throws Error(kModel) if none answers, Error(kUsage)
// if the model's name is needed and they do not agree on one.
ServerSet discover_servers(HttpClient& http, const RemoteModelOptions& options);

HttpLimits limits_of(const RemoteModelOptions& options);
// What a reply that is no success says, in one clause: "HTTP 401: 'wrong key'", or the problem.
std::string describe_failure(const ServerSet& set, const HttpReply& reply);

}  // namespace memagent
