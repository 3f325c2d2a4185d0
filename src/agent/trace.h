// Trace lines: one JSON object per accepted conversation, for people, tests and training.
//
//   {"question":0,"kind":"update","pass":0,"section":3,"bytes":[61440,81920],"decision":"overwrite",
//    "stop_reading":false,"stop":"end","prompt_tokens":6120,"generated_tokens":41,
//    "response":"...","response_tokens":[...],"logprobs":[...],"memory":"..."}
//
// A line depends on nothing but the conversation: there is no time in it, nor how much was found in
// a cache, so equal trajectories have equal traces, byte for byte. `section` and `bytes` stand with
// updates, `response_tokens` with token models, `logprobs` where asked for, `error` with failures.
// Bytes that are not UTF-8 appear as U+FFFD; the token ids are exact.
#pragma once

#include <string>

#include "memagent/trajectory.h"

namespace memagent {

struct TraceOptions {
  // Adds `prompt`: {"tokens": [...]} or {"messages": [{"role", "content"}]}. The conversation has
  // it only with EpisodeConfig::keep_prompts.
  bool prompt = false;
};

// Without a newline at its end.
std::string trace_line(std::size_t question, const Conversation& conversation,
                       const TraceOptions& options = {});

}  // namespace memagent
