// The ideal reader of a task whose answer rests on recorded sentences: it notes each as soon as it
// has been read to its end, and answers from what it noted. Knows the Row alone, not the task.
#pragma once

#include <memory>
#include <string>

#include "task/task.h"

namespace memagent {

// How a note stands in a memory: "- salty-river: 3583843". A name then has a space before it, as
// within a sentence, and so the same tokens as there: to note it is to copy them.
std::string memory_line(const std::string& note);

// memory(): the notes of the evidence read so far, one a line, in document order. complete(): all
// of it has been read; at once where there is none (unanswerable questions).
// answer(): Match::kAll: those answers that the noted evidence has among its values, in the order
// of the notes; of a chain (evidence of several hops) from its end, since each note names the one
// before and so says what comes next. Match::kAny: the first accepted answer once complete, else
// nothing. Every piece of evidence needs its byte range. The oracle keeps its own copy of the row.
std::unique_ptr<Oracle> evidence_oracle(const Row& row);

}  // namespace memagent
