// Text for a person's eyes: a progress line, a memory with its changes marked, text made harmless.
//
// Pure functions of their arguments; who writes where, and whether it is a terminal, is the
// caller's affair.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace memagent {

// Documents and models are not to be trusted with a terminal: control characters other than line
// feed and tab become U+FFFD.
std::string harmless(std::string_view text);

// One word of a command line to be copied: in quotes where a shell would take it for more.
std::string shell_word(std::string_view text);

struct ProgressState {
  std::int64_t tokens = 0;          // of the document, read so far
  std::int64_t tokens_resumed = 0;  // of which an earlier run read
  double fraction = -1;             // of the work, -1 if the document's length is not known
  double fraction_resumed = 0;      // of which an earlier run did
  double seconds = 0;               // of this run
  bool answering = false;
};
// One line of at most `width` columns, no line end.
std::string progress_line(const ProgressState& state, int width);

// `after` with what is new and what is gone marked: in colour, or as {+new+} and [-gone-].
std::string marked_changes(std::string_view before, std::string_view after, bool colour);

}  // namespace memagent
