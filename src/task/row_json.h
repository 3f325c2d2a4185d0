// Rows as lines of a task file: JSON objects with id, task, question, answers, match, tokens,
// document_bytes, evidence and, at the end, the document itself as "context" (docs/tasks.md).
//
// Writing streams the document and never holds it; reading holds the one line it is given.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "memagent/document.h"
#include "task/json_fields.h"
#include "task/row.h"

namespace memagent {

using WriteText = std::function<void(std::string_view)>;

// One line with its end. The document is read from where it stands; invalid UTF-8 in it is repaired
// as a SectionReader does. `write` gets pieces of up to a few hundred KiB.
void write_row(const Row& row, DocumentSource& document, const WriteText& write);

struct RowLine {
  Row row;
  std::string context;
};

// Fields but question, answers and context may be missing; unknown ones are passed over. Throws
// Error(kBadInput) that begins with `where` ("rows.jsonl:7") and names the field.
RowLine read_row(std::string_view line, const std::string& where);
// The same of a line that has been parsed.
RowLine read_row(const JsonFields& fields);

}  // namespace memagent
