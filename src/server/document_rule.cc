#include "server/document_rule.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "server/api_error.h"

namespace memagent {
namespace {

constexpr std::string_view kBlank = " \t\r\n\f\v";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Where the last paragraph of a trimmed text begins: after the last line that is empty or blank; 0
// if there is none.
std::size_t last_paragraph(std::string_view text) {
  std::size_t end = text.rfind('\n');
  while (end != std::string_view::npos && end > 0) {
    const std::size_t before = text.rfind('\n', end - 1);
    if (before == std::string_view::npos) return 0;
    if (trimmed(text.substr(before + 1, end - before - 1)).empty()) return end + 1;
    end = before;
  }
  return 0;
}

std::size_t last_line(std::string_view text) {
  const std::size_t end = text.rfind('\n');
  return end == std::string_view::npos ? 0 : end + 1;
}

class Splitter {
 public:
  Splitter(const CompletionRequest& request, const CountTokens& count, std::int64_t budget)
      : request_(request), count_(count), budget_(budget) {}

  SplitConversation split() {
    if (request_.document) add({"", *request_.document, ""});
    if (request_.question || !request_.questions.empty()) {
      result_.question = trimmed(request_.question ? *request_.question : request_.questions[0]);
      for (const ChatMessage& message : request_.messages) add_message(message);
      return std::move(result_);
    }
    std::size_t last = request_.messages.size();
    while (last > 0 && request_.messages[last - 1].role != "user") --last;
    if (last == 0) {
      throw ApiError(400, "messages: there is no user message: the last one is the question",
                     "messages");
    }
    --last;
    const bool system_in_front = take_question(request_.messages[last]);
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      const ChatMessage& message = request_.messages[i];
      if (i == last) {
        add_message({message.role, std::move(rest_)});
      } else if (message.role != "system" || !system_in_front) {
        add_message(message);
      }
    }
    return std::move(result_);
  }

 private:
  // A text of more bytes than this a token is no question, whatever the vocabulary: it need not be
  // counted.
  static constexpr std::int64_t kMostBytesPerToken = 32;

  bool fits(std::string_view text) const {
    return static_cast<std::int64_t>(text.size()) <= budget_ * kMostBytesPerToken &&
           count_(text) <= budget_;
  }

  void add(DocumentPart part) {
    if (part.file_id.empty() && trimmed(part.text).empty()) return;
    result_.document.push_back(std::move(part));
  }

  void add_message(const ChatMessage& message) {
    for (const ContentPart& part : message.parts) add({message.role, part.text, part.file_id});
  }

  // Finds the question in the last user message; what is left of it goes to `rest_`. True if the
  // system messages are in front of the question.
  bool take_question(const ChatMessage& message) {
    std::string text;
    for (const ContentPart& part : message.parts) {
      if (!part.file_id.empty()) {
        rest_.push_back(part);
      } else if (!part.text.empty()) {
        text += (text.empty() ? "" : "\n\n") + part.text;
      }
    }
    const std::string_view whole = trimmed(text);
    if (whole.empty()) {
      throw ApiError(400, "messages: the last user message has no text: it is the question",
                     "messages");
    }
    if (fits(whole)) {
      result_.question = whole;
    } else {
      const std::optional<std::size_t> begin = question_in(whole);
      if (!begin) {
        throw ApiError(
            400,
            fmt::format("messages: the last user message is longer than the {} tokens that a "
                        "question may have, and so is its last paragraph: end it with the question "
                        "in a paragraph of its own, or give memagent.question",
                        budget_),
            "messages");
      }
      result_.question = whole.substr(*begin);
      rest_.push_back({std::string(whole.substr(0, *begin)), ""});
    }
    return put_system_in_front();
  }

  std::optional<std::size_t> question_in(std::string_view whole) const {
    for (const std::size_t begin : {last_paragraph(whole), last_line(whole)}) {
      if (begin > 0 && fits(whole.substr(begin))) return begin;
    }
    return std::nullopt;
  }

  bool put_system_in_front() {
    std::string system;
    for (const ChatMessage& message : request_.messages) {
      if (message.role != "system") continue;
      for (const ContentPart& part : message.parts) {
        if (!part.file_id.empty()) return false;
        system += std::string(trimmed(part.text)) + "\n\n";
      }
    }
    if (trimmed(system).empty()) return true;
    std::string both = system + result_.question;
    if (!fits(both)) return false;
    result_.question = std::move(both);
    return true;
  }

  const CompletionRequest& request_;
  const CountTokens& count_;
  std::int64_t budget_;
  SplitConversation result_;
  std::vector<ContentPart> rest_;  // of the last message, without the question
};

}  // namespace

SplitConversation split_conversation(const CompletionRequest& request, const CountTokens& count,
                                     std::int64_t question_tokens) {
  return Splitter(request, count, question_tokens).split();
}

}  // namespace memagent
