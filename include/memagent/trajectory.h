// What an Episode leaves behind: its conversations, each a prompt and a response of its own.
//
// This is what a trace file holds and what training consumes. Source: arXiv 2507.02259, section 3.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "memagent/language_model.h"

namespace memagent {

enum class ConversationKind { kUpdate, kAnswer };

// What an update response meant under the policy.
enum class Decision {
  kOverwrite,  // the response is the new memory
  kKeep,       // the memory stays as it was, token for token
  kMalformed,  // a gated response that could not be parsed: taken as overwrite
  kFailed,     // the generation failed: the memory stays as it was
  kAnswer,     // an answer conversation
};
const char* to_string(ConversationKind kind);
const char* to_string(Decision decision);

// Text that is kept as the tokens it was sampled in. For text models `tokens` is empty.
struct TokenText {
  std::vector<TokenId> tokens;
  std::string text;
  bool operator==(const TokenText&) const = default;
};

struct Conversation {
  ConversationKind kind = ConversationKind::kUpdate;
  std::int32_t pass = 0;            // 0-based pass over the document
  std::int64_t section_index = -1;  // -1 for answers
  std::int64_t section_byte_begin = 0;
  std::int64_t section_byte_end = 0;
  Prompt prompt;  // dropped unless EpisodeConfig::keep_prompts
  GenerationResult response;
  Decision decision = Decision::kOverwrite;
  bool stop_reading = false;  // a gated response said that reading can stop
  TokenText memory;           // after this conversation
};

struct Trajectory {
  std::vector<Conversation> conversations;  // in document order, the answer last
  std::string answer;
};

}  // namespace memagent
