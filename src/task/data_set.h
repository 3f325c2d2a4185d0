// Data sets as their authors publish them, and task files of our own, as Tasks (docs/data-sets.md).
//
// Formats are told apart by content. A row that brings its own long document keeps it. A question
// that comes with paragraphs is padded with other paragraphs of the set to the length asked for,
// its own shuffled in at places that the seed and the row's id decide.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "task/task.h"

namespace memagent {

struct DataSetOptions {
  std::string path;
  // Further files of paragraphs ({"title", "text"} a line) to pad with, besides those of the set's
  // other rows.
  std::vector<std::string> distractor_files;
};

struct DataSet {
  // Its rows by index; a SampleSpec's split changes nothing. With neither tokens nor paragraphs
  // given, a row's own document or its own paragraphs alone. Asking for more than the paragraphs
  // that there are can fill is Error(kUsage) naming the most possible: none is repeated.
  std::shared_ptr<const Task> task;
  // Rows whose answers stand nowhere in their document: one line each, at most a hundred and then a
  // count. No reading can get them right but by chance.
  std::vector<std::string> warnings;
};

// Throws Error(kBadInput) naming file, row and field for missing fields, wrong types, duplicate ids
// and questions without an answer. Holds the paragraphs, each once, but no documents of rows.
DataSet read_data_set(const DataSetOptions& options);

// The task alone.
std::shared_ptr<const Task> open_data_set(const DataSetOptions& options);

}  // namespace memagent
