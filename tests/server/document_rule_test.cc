// What is document and what is question, by hand. A token is a byte here.
#include "server/document_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api_error.h"

namespace memagent {
namespace {

using testing::HasSubstr;

std::int64_t bytes(std::string_view text) { return static_cast<std::int64_t>(text.size()); }

ChatMessage message(const std::string& role, const std::string& text) {
  return {role, {{text, ""}}};
}

CompletionRequest chat(std::vector<ChatMessage> messages) {
  CompletionRequest request;
  request.messages = std::move(messages);
  return request;
}

// The document as "role:text|role:text", files as "role:#id".
std::string shown(const SplitConversation& split) {
  std::string text;
  for (const DocumentPart& part : split.document) {
    text += (text.empty() ? "" : "|") + part.role + ":";
    text += part.file_id.empty() ? part.text : "#" + part.file_id;
  }
  return text;
}

SplitConversation split(const CompletionRequest& request, std::int64_t question_tokens = 20) {
  return split_conversation(request, bytes, question_tokens);
}

TEST(DocumentRule, TheLastUserMessageIsTheQuestion) {
  const SplitConversation result =
      split(chat({message("user", "A long text."), message("assistant", "Noted."),
                  message("user", " Who? \n")}));
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(shown(result), "user:A long text.|assistant:Noted.");
}

TEST(DocumentRule, WhatFollowsTheLastUserMessageIsRead) {
  const SplitConversation result =
      split(chat({message("user", "Who?"), message("tool", "It was Ann.")}));
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(shown(result), "tool:It was Ann.");
}

TEST(DocumentRule, InsideOneLongMessageItIsTheLastParagraph) {
  const SplitConversation result = split(
      chat({message("user", "First paragraph.\n\nSecond one.\nIts end.\n \t\nWho\nis it?\n")}));
  EXPECT_EQ(result.question, "Who\nis it?");
  EXPECT_EQ(shown(result), "user:First paragraph.\n\nSecond one.\nIts end.\n \t\n");
}

TEST(DocumentRule, WithoutParagraphsItIsTheLastLine) {
  EXPECT_EQ(split(chat({message("user", "line one, rather long\r\nWho?")})).question, "Who?");
  // Also where the last paragraph is too long itself.
  EXPECT_EQ(split(chat({message("user", "one\n\nline two, rather long\nWho?")})).question, "Who?");
}

TEST(DocumentRule, AShortMessageOfParagraphsIsWhole) {
  const SplitConversation result = split(chat({message("user", "One.\n\nTwo?")}));
  EXPECT_EQ(result.question, "One.\n\nTwo?");
  EXPECT_TRUE(result.document.empty());
}

TEST(DocumentRule, ABudgetIsReachedExactly) {
  const std::string question(20, 'q');
  EXPECT_EQ(split(chat({message("user", question)})).question, question);
  EXPECT_THROW(split(chat({message("user", question + "q")})), ApiError);
}

TEST(DocumentRule, ShortSystemMessagesStandBeforeTheQuestion) {
  const SplitConversation result = split(chat(
      {message("system", "Be brief."), message("user", "A long text."), message("user", "Who?")}));
  EXPECT_EQ(result.question, "Be brief.\n\nWho?");
  EXPECT_EQ(shown(result), "user:A long text.");
}

TEST(DocumentRule, LongSystemMessagesAreRead) {
  const SplitConversation result =
      split(chat({message("system", "All that must be known."), message("user", "Who?")}));
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(shown(result), "system:All that must be known.");
}

TEST(DocumentRule, FilesAreReadWhereverTheyStand) {
  CompletionRequest request = chat({message("user", "old")});
  request.messages.push_back({"user", {{"", "file-1"}, {"Who?", ""}, {"", "file-2"}}});
  const SplitConversation result = split(request);
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(shown(result), "user:old|user:#file-1|user:#file-2");
}

TEST(DocumentRule, AGivenQuestionMakesEverythingElseTheDocument) {
  CompletionRequest request = chat({message("system", "s"), message("user", "text")});
  request.question = "Who?";
  const SplitConversation result = split(request);
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(shown(result), "system:s|user:text");
}

TEST(DocumentRule, AGivenDocumentComesFirst) {
  CompletionRequest request = chat({message("user", "earlier"), message("user", "Who?")});
  request.document = "The text.";
  const SplitConversation result = split(request);
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(shown(result), ":The text.|user:earlier");
}

TEST(DocumentRule, SaysWhatIsMissing) {
  const auto refusal = [](const CompletionRequest& request) -> std::string {
    try {
      split(request);
    } catch (const ApiError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal(chat({message("system", "s")})), HasSubstr("there is no user message"));
  EXPECT_THAT(refusal(chat({message("user", " \n ")})), HasSubstr("has no text"));
  EXPECT_THAT(refusal(chat({message("user", std::string(21, 'x'))})),
              HasSubstr("longer than the 20 tokens"));
}

// A text of megabytes must not be counted token by token to know that it is no question.
TEST(DocumentRule, CountsOnlyWhatMayBeAQuestion) {
  std::int64_t counted = 0;
  const CountTokens count = [&](std::string_view text) {
    counted += bytes(text);
    return bytes(text);
  };
  std::string text;
  text.resize(10'000'000, 'x');
  const SplitConversation result =
      split_conversation(chat({message("user", text + "\n\nWho?")}), count, 20);
  EXPECT_EQ(result.question, "Who?");
  EXPECT_EQ(counted, 4);
}

// Whatever a conversation is, every word of it is in the document or in the question, in order.
TEST(DocumentRule, NothingIsDropped) {
  const CompletionRequest request = chat({message("user", "w1 w2"), message("assistant", "w3"),
                                          message("user", "w4 w5 w6 w7 w8\n\nw9\n\nw10")});
  for (std::int64_t budget = 3; budget < 40; ++budget) {
    const SplitConversation result = split(request, budget);
    std::string all;
    for (const DocumentPart& part : result.document) all += part.text + " ";
    all += result.question;
    std::string words;
    for (const char c : all) {
      if (c != ' ' && c != '\n') words += c;
    }
    EXPECT_EQ(words, "w1w2w3w4w5w6w7w8w9w10") << budget;
  }
}

}  // namespace
}  // namespace memagent
