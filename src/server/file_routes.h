// /v1/files: upload, list, look at, download, delete.
#pragma once

#include <httplib.h>

#include "server/file_store.h"

namespace memagent {

// Borrows the store.
void set_file_routes(httplib::Server& routes, FileStore& files);

}  // namespace memagent
