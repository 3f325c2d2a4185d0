// What is told of a session, as JSON texts: where it is, its steps, and the text of its document
// that a section was cut from.
//
// Pages and other watchers ask for the steps they have not seen; what is told comes from the store
// alone, whoever runs the session.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/session_keeper.h"

namespace memagent {

// {"id", "object": "session", "status", ..., "questions": [...]}
std::string session_json(const SessionKeeper& sessions, const SessionInfo& info);
// {"object": "list", "data": [...], "first_id", "last_id", "has_more"}.
std::string sessions_json(const SessionKeeper& sessions, const SessionKeeper::Part& part);

// Steps of a session from the one after the first `after` on.
struct StepRange {
  std::int64_t after = 0;
  std::int64_t limit = 0;
};
// {"object": "list", "data": [...], "next", "has_more", "session"}. A step has `memory` if it
// changed it; `empty_memory` is what there was before the first.
std::string steps_json(const SessionKeeper& sessions, const SessionInfo& info,
                       const StepRange& range, const std::string& empty_memory);

// {"object": "session.text", "bytes": [begin, end], "text"}: those bytes of the document as steps
// count them, which is after its UTF-8 was repaired; fewer where it ends before, or where they are
// more than a mebibyte. Throws ApiError (404) for a document that is neither a file of the server's
// nor kept by the store.
std::string text_json(const SessionKeeper& sessions, const SessionInfo& info, std::int64_t begin,
                      std::int64_t end);

}  // namespace memagent
