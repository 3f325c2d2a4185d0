// Documents in the database, so that a session can be read on another machine than the one that
// began it: in parts of a megabyte, streamed both ways.
//
// Sessions over the same text share one copy, told by its SHA-256.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "memagent/document.h"
#include "memagent/session_store.h"
#include "session/pg.h"
#include "session/pg_hub.h"

namespace memagent {

// Within the caller's transaction: the document's id, stored if it was not yet. Reads the source
// twice and rewinds it. Throws Error(kBadInput) if it is not what `expected` says.
std::int64_t put_document(PgConnection& connection, DocumentSource& source,
                          const DocumentFingerprint& expected);

// After sessions were removed: forgets the document if no other session has it.
void forget_document(PgConnection& connection, std::int64_t id);

// Holds one part at a time, and no connection between reads.
std::unique_ptr<DocumentSource> stored_document(std::shared_ptr<PgHub> hub, std::int64_t id,
                                                const DocumentFingerprint& fingerprint);

}  // namespace memagent
