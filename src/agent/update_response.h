// What an update response means: which memory follows from it. Pure functions of the response; they
// know nothing of Episodes, sections or models.
//
// A gated response, after white space, is
//
//   KEEP            the memory stays
//   KEEP STOP       the memory stays, and reading ends
//   UPDATE          what follows the line is the new memory
//   UPDATE STOP     the same, and reading ends
//   ADD             what follows the line is added to the memory, below what is there
//   ADD STOP        the same, and reading ends
//
// on a line of its own, in the words of the PromptSet. Case does not matter, nor does punctuation
// around a word (models like to write "**KEEP**." or "Update:"). Whatever follows a KEEP line is
// ignored; so is what follows the word on its line where it is written exactly as in the PromptSet
// ("KEEP: nothing new"), since taking that as the memory would lose the memory. Anything else is
// malformed. ADD is understood only where the PromptSet has a word for it.
//
// What is added is a memory of its own where nothing was noted yet, else it follows the old memory
// after a newline; an update that adds need not copy what is there, so it cannot spoil it. If all
// its lines are in the memory already, the memory stays. Where both together exceed the budget, the
// oldest lines make room. Of an addition that was cut at its budget the last line is left out: one
// that runs on and on must not take the place of what was noted before.
#pragma once

#include <string_view>

#include "memagent/prompts.h"
#include "memagent/trajectory.h"

namespace memagent {

struct UpdateReading {
  Decision decision = Decision::kOverwrite;
  bool stop_reading = false;
  bool cut = false;    // the memory was longer than its budget; something of it is lost
  bool keeps = false;  // the memory stays; `memory` is then empty
  TokenText memory;    // else the new one
};

// Token models: the memory is the sampled tokens, those of a gated response from the first token
// that begins at or after the end of the gate line. A token that holds the line's newline and more
// goes with the line if the rest of it is white space; otherwise the response is malformed, so that
// nothing the model wrote is lost. Either way at most `memory_tokens` tokens, and only those that
// have bytes: a control token in a memory would be structure in the next prompt, not text.
//
// Text models: the same on text, after a leading <think>...</think>; cut between characters.
//
// `before`: the memory that the prompt showed.
UpdateReading read_update(Policy policy, const PromptRenderer& renderer, const TokenText& before,
                          const GenerationResult& response, std::int32_t memory_tokens);

// The answer in a response: for text models without a leading <think>...</think>; without white
// space at its ends.
std::string read_answer(const PromptRenderer& renderer, const GenerationResult& response);

// What of a response that may go on is sure to begin its answer.
std::string_view answer_so_far(const PromptRenderer& renderer, std::string_view so_far);

// Responses after which a gated generation has said all it can.
std::vector<std::string> complete_responses(Policy policy, const PromptSet& prompts);

// `text` without a leading think block. One that never ends leaves nothing.
std::string_view without_thinking(std::string_view text);

}  // namespace memagent
