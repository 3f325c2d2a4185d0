// What the server reads from outside: the body of a request, and the conversation in it split into
// document and question. The first byte picks the API and how long a question may be. Anything but
// an ApiError is a finding.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/api_error.h"
#include "server/document_rule.h"
#include "server/request_parser.h"

namespace memagent {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::size_t without_blanks(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += std::string_view(" \t\r\n\f\v").find(c) == text.npos ? 1 : 0;
  return count;
}

// Every character that is not blank is in the document or in the question.
void check_split(const CompletionRequest& request, std::int64_t question_tokens) {
  const CountTokens count = [](std::string_view text) {
    return static_cast<std::int64_t>(text.size());
  };
  const SplitConversation split = split_conversation(request, count, question_tokens);
  require(!split.question.empty() || request.question);
  require(request.question || count(split.question) <= question_tokens);
  std::size_t before = 0;
  if (request.question) before += without_blanks(*request.question);
  if (request.document) before += without_blanks(*request.document);
  for (const ChatMessage& message : request.messages) {
    for (const ContentPart& part : message.parts) before += without_blanks(part.text);
  }
  std::size_t after = without_blanks(split.question);
  for (const DocumentPart& part : split.document) after += without_blanks(part.text);
  require(before == after);
}

}  // namespace
}  // namespace memagent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memagent;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const std::vector<std::string> keys = {"section_tokens", "policy"};
  try {
    const CompletionApi api = data[0] % 2 == 0 ? CompletionApi::kChat : CompletionApi::kText;
    check_split(parse_completion_request(api, body, keys), 1 + data[0] / 2);
  } catch (const ApiError& error) {
    require(error.status() == 400);
    require(!error.json().empty());
  }
  return 0;
}
