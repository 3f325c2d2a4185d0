// What the command line of `ask` says, as one struct.
#pragma once

#include <string>
#include <vector>

#include "cli/ask_document.h"
#include "cli/model_choice.h"
#include "cli/reading_options.h"

namespace memagent {

struct AskOptions {
  std::vector<std::string> questions;
  std::string questions_file;  // one question a line
  DocumentChoice document;
  ModelChoice model;
  ReadingOptions reading;
  std::string session;
  std::string store;
  bool queue = false;  // leave the reading to workers
  std::string trace;   // file for one JSON line per conversation
  bool trace_prompts = false;
  bool json = false;
  bool watch = false;
  bool quiet = false;
};

// Reads, answers, prints. Returns the exit code 0; everything else is thrown as Error.
int run_ask(AskOptions options);

}  // namespace memagent
