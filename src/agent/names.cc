// The words for policies, layouts, chat formats, kinds and decisions: one table each, used by
// flags, JSON and messages alike.
#include <string>
#include <utility>

#include "base/fail.h"
#include "memagent/prompts.h"
#include "memagent/trajectory.h"

namespace memagent {
namespace {

template <typename Enum, std::size_t n>
using Names = std::pair<Enum, const char*>[n];

constexpr Names<Policy, 2> kPolicies = {{Policy::kOverwrite, "overwrite"},
                                        {Policy::kGated, "gated"}};
constexpr Names<Layout, 2> kLayouts = {{Layout::kQuestionFirst, "question-first"},
                                       {Layout::kSectionFirst, "section-first"}};
constexpr Names<ChatFormat, 3> kChatFormats = {{ChatFormat::kPlain, "plain"},
                                               {ChatFormat::kChatMl, "chatml"},
                                               {ChatFormat::kLlama3, "llama3"}};
constexpr Names<ConversationKind, 2> kKinds = {{ConversationKind::kUpdate, "update"},
                                               {ConversationKind::kAnswer, "answer"}};
constexpr Names<Decision, 6> kDecisions = {
    {Decision::kOverwrite, "overwrite"}, {Decision::kAdd, "add"},
    {Decision::kKeep, "keep"},           {Decision::kMalformed, "malformed"},
    {Decision::kFailed, "failed"},       {Decision::kAnswer, "answer"}};

template <typename Enum, std::size_t n>
const char* name_of(const Names<Enum, n>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "unknown";
}

template <typename Enum, std::size_t n>
Enum value_of(const Names<Enum, n>& names, const char* what, const std::string& given) {
  std::string choices;
  for (const auto& [value, name] : names) {
    if (given == name) return value;
    choices += choices.empty() ? name : std::string(", ") + name;
  }
  fail(ErrorKind::kUsage, "unknown {} '{}': choose one of {}", what, given, choices);
}

}  // namespace

const char* to_string(Policy policy) { return name_of(kPolicies, policy); }
const char* to_string(Layout layout) { return name_of(kLayouts, layout); }
const char* to_string(ChatFormat format) { return name_of(kChatFormats, format); }
const char* to_string(ConversationKind kind) { return name_of(kKinds, kind); }
const char* to_string(Decision decision) { return name_of(kDecisions, decision); }

Policy parse_policy(const std::string& name) { return value_of(kPolicies, "policy", name); }
Layout parse_layout(const std::string& name) { return value_of(kLayouts, "layout", name); }
ChatFormat parse_chat_format(const std::string& name) {
  return value_of(kChatFormats, "chat format", name);
}

}  // namespace memagent
