// What of a conversation is the document and what is the question: one rule, described for its
// users in docs/serve.md.
//
//   1. The question is the last user message; what stands before it is the document.
//   2. A last message longer than a question may be is both: its last paragraph is the question
//      (failing that, its last line), the rest belongs to the document. Its files always do.
//   3. System messages stand in front of the question as long as both fit a question's budget;
//      else they belong to the document.
//   4. `memagent.question` and `memagent.document` say otherwise: with a question, or several, all
//      messages are the document; with a document, it comes before what the messages add to it.
//
// Nothing is dropped: every message is in the document or in the question. Knows nothing of files
// beyond their ids, and of tokens only how many a text has.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/request_parser.h"

namespace memagent {

struct DocumentPart {
  std::string role;     // who said it; empty for a part that memagent.document gave
  std::string text;     // or
  std::string file_id;  // an uploaded file
};

struct SplitConversation {
  std::vector<DocumentPart> document;  // in order; empty texts left out
  std::string question;                // of several, the first
};

using CountTokens = std::function<std::int64_t(std::string_view)>;

// `question_tokens`: the most a question may have. Throws ApiError (400) if there is no question,
// or none that fits.
SplitConversation split_conversation(const CompletionRequest& request, const CountTokens& count,
                                     std::int64_t question_tokens);

}  // namespace memagent
