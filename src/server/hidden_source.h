// Files on the server as a document whose errors and name do not tell clients where they lie.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "memagent/document.h"

namespace memagent {

// `shown`: what clients call it, as in "file 'file-0123'"; `name`: of the source. Throws as
// file_source() does, and later on, with `shown` in front instead of a path.
std::unique_ptr<DocumentSource> hidden_file_source(const std::vector<std::string>& paths,
                                                   const std::string& shown,
                                                   const std::string& name);

}  // namespace memagent
