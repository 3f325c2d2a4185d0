// What the command line of `eval` says, as one struct.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model_choice.h"
#include "cli/reading_options.h"

namespace memagent {

struct EvalOptions {
  std::vector<std::string> tasks;  // names and groups
  std::string data;                // a data set's file, besides tasks
  std::vector<std::string> distractors;
  std::string haystack;
  std::vector<std::string> lengths;
  std::vector<std::int64_t> samples = {20};
  std::vector<std::string> methods;
  std::string metric;  // "containment", "exact-match", "f1"
  ModelChoice model;
  ReadingOptions reading;
  std::string out;   // folder of the run; empty: nothing is kept
  std::string json;  // "-": standard output, instead of the tables
  std::string html;
  std::string traces;
  bool quiet = false;
};

// Runs the suite, prints, writes. Returns the exit code 0; everything else is thrown as Error.
int run_eval(EvalOptions options);

}  // namespace memagent
