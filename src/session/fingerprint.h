// A document's fingerprint: what tells a session that it goes on with the document it began with.
#pragma once

#include "memagent/document.h"
#include "memagent/session_store.h"

namespace memagent {

// Reads the source to its end and rewinds it.
DocumentFingerprint fingerprint(DocumentSource& source);

}  // namespace memagent
