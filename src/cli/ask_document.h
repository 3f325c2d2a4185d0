// The document of `ask`: which source the command line means.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "memagent/document.h"

namespace memagent {

struct DocumentChoice {
  std::vector<std::string> files;  // "-": standard input
  std::vector<std::string> lists;  // JSON lines files of {"title", "text"}
  bool chosen() const { return !files.empty() || !lists.empty(); }
};

// `read_twice`: copy what cannot be rewound to a temporary file. Throws Error(kUsage) if nothing or
// both kinds are chosen, or if standard input is meant and is a terminal.
std::unique_ptr<DocumentSource> open_document(const DocumentChoice& choice, bool read_twice);

// Reads a JSON lines file record by record, however long it is: each record's text under a heading
// with its title. Throws Error(kBadInput) naming file and line.
std::unique_ptr<DocumentSource> json_lines_source(std::vector<std::string> paths);

}  // namespace memagent
