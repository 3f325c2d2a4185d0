// Stands in for the PostgreSQL store where libpq was not there at build time.
#include "base/fail.h"
#include "session/store_backend.h"

namespace memagent {

std::unique_ptr<StoreBackend> open_postgres_store(const std::string& address,
                                                  const SessionStoreOptions&) {
  fail(ErrorKind::kUsage,
       "session store: {}: this memagent was built without PostgreSQL: install libpq-dev and build "
       "it again, or name a file with --store",
       shown_store(address));
}

}  // namespace memagent
