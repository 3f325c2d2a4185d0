// What an ideal reader would say: the conversations of an Episode whose model is a task's Oracle.
//
// The Episode is the one that answers, evaluates and rolls out; so the prompts are those a model
// will meet, and memories are carried on in the very tokens they were said in. Knows nothing of
// networks or batches.
//
// Not to be imitated, because it cannot be known from the prompt: an update on a section that holds
// the end of a fact but not its beginning, or the end of a chain whose beginning is yet to come;
// and whatever is said after a memory had to be cut.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "memagent/document.h"
#include "memagent/episode.h"
#include "task/task.h"

namespace memagent {

struct ImitatedConversation {
  Conversation conversation;  // with its prompt
  // The response's tokens as a model should sample them, the end token included.
  std::vector<TokenId> response;
  // Leading prompt tokens that are the section's alone (GenerationRequest::shared_prefix_tokens).
  std::int32_t shared_prefix_tokens = 0;
  bool imitable = true;
  // What the memory after it answers, were it asked now; empty: nothing yet.
  std::string answer_now;
};

// A document as it is read, in order. All questions that are asked of it share them: cutting it
// into sections takes most of what an imitation does.
using Sections = std::vector<std::shared_ptr<const Section>>;
Sections sections_of(const Sample& sample, const SectionOptions& options,
                     const std::shared_ptr<const Tokenizer>& tokenizer);

// The whole reading of one sample, of whose document `sections` are. `config` is as the reader's;
// keep_prompts is implied. `noted`: lines that the memory holds when reading begins, about
// something else than is asked for: what a reader noted in error stays there, and must not mislead
// it. Empty where the memory that reading begins with is longer than memories may be. Throws
// Error(kUsage) for a sample without an oracle, and for a model without an end token.
std::vector<ImitatedConversation> imitate(const Sample& sample, const Sections& sections,
                                          EpisodeConfig config,
                                          const std::shared_ptr<const PromptRenderer>& renderer,
                                          const std::shared_ptr<const Tokenizer>& tokenizer,
                                          const std::string& noted = "");

}  // namespace memagent
