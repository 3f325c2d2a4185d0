// Data sets as their authors publish them, and task files of our own, as Tasks.
//
// Told apart by content. A row that brings its own long context keeps it; a question that comes
// with paragraphs is padded with other paragraphs of the set, its own shuffled in, to the length
// asked for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "task/task.h"

namespace memagent {

struct DataSetOptions {
  std::string path;
  // Further files of paragraphs ({"title", "text"} a line) to pad with; empty: those of the set's
  // other rows.
  std::vector<std::string> distractor_files;
};

// Throws Error(kBadInput) naming file, row and field for missing fields, wrong types, duplicate ids
// and questions without an answer.
std::shared_ptr<const Task> open_data_set(const DataSetOptions& options);

}  // namespace memagent
