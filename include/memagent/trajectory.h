// What an Episode leaves behind: its conversations, each a prompt and a response of its own.
//
// This is what a trace file holds and what training consumes. Source: arXiv 2507.02259, section 3.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memagent/language_model.h"

namespace memagent {

enum class ConversationKind { kUpdate, kAnswer };

// What an update response meant under the policy.
enum class Decision {
  kOverwrite,  // the response, or what follows its gate line, is the new memory
  kAdd,        // what follows the gate line is added to the memory as further lines
  kKeep,       // a gated response said so: the memory stays as it was, token for token
  kMalformed,  // not in the policy's form. A gated response without a readable gate line is taken
               // as overwrite; one that offers only white space as memory, under any policy, leaves
               // the memory as it was
  kFailed,     // the generation failed for good: the memory stays as it was, an answer is empty
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

// The same without owning it. Made of whatever has tokens and text; lives as long as that does.
struct TokenTextView {
  std::span<const TokenId> tokens;
  std::string_view text;
  TokenTextView(std::span<const TokenId> t, std::string_view s) : tokens(t), text(s) {}
  TokenTextView(const TokenText& t) : tokens(t.tokens), text(t.text) {}  // NOLINT: a view of it
};

struct Conversation {
  ConversationKind kind = ConversationKind::kUpdate;
  std::int32_t pass = 0;            // 0-based pass over the document
  std::int64_t section_index = -1;  // -1 for answers
  std::int64_t section_byte_begin = 0;
  std::int64_t section_byte_end = 0;
  Prompt prompt;  // dropped unless EpisodeConfig::keep_prompts
  // As the model gave it, except that `id` is 0: the same trajectory is the same bytes whatever the
  // order it was asked in.
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
