// What baselines show, with a tokenizer of one token a byte, so that windows are counted by eye.
#include "eval/window.h"

#include <gtest/gtest.h>

#include "eval/retrieval.h"
#include "support/byte_tokenizer.h"

namespace memagent {
namespace {

using test::byte_tokenizer;

std::string ends(const std::string& text, std::int64_t head, std::int64_t tail) {
  const auto tokenizer = byte_tokenizer();
  const TokenText shown = ends_of_document(text_source(text), tokenizer, head, tail);
  EXPECT_EQ(tokenizer->decode(shown.tokens), shown.text);
  return shown.text;
}

TEST(Window, EndsOfADocument) {
  const std::string text = "0123456789";
  EXPECT_EQ(ends(text, 0, 4), "6789");
  EXPECT_EQ(ends(text, 2, 3), "01789");
  EXPECT_EQ(ends(text, 3, 0), "012");
  EXPECT_EQ(ends(text, 5, 5), text);
  EXPECT_EQ(ends(text, 4, 7), text);
  EXPECT_EQ(ends(text, 0, 99), text);
  EXPECT_EQ(ends(text, 99, 0), text);
  EXPECT_EQ(ends("", 2, 2), "");
  EXPECT_EQ(ends(text, 0, 0), "");
}

// The document is read in pieces of 1,024 tokens: cuts before, at and after their borders.
TEST(Window, EndsAcrossPieces) {
  std::string text;
  for (int i = 0; text.size() < 5000; ++i) text += std::to_string(i) + " ";
  for (const std::size_t head : {0, 1, 1023, 1024, 1025, 2048, 3000}) {
    for (const std::size_t tail : {1, 903, 904, 905, 1024, 1999, 2000}) {
      const std::string expected = text.substr(0, head) + text.substr(text.size() - tail);
      ASSERT_EQ(ends(text, static_cast<std::int64_t>(head), static_cast<std::int64_t>(tail)),
                expected)
          << head << " + " << tail;
    }
  }
}

TEST(Window, WholeDocumentOrNothing) {
  const auto tokenizer = byte_tokenizer();
  const std::string text(3000, 'x');
  const auto shown = whole_document(text_source(text), tokenizer, 3000);
  ASSERT_TRUE(shown.has_value());
  EXPECT_EQ(shown->text, text);
  EXPECT_EQ(shown->tokens.size(), 3000U);
  EXPECT_FALSE(whole_document(text_source(text), tokenizer, 2999).has_value());
  EXPECT_TRUE(whole_document(text_source(""), tokenizer, 0).has_value());
}

// Ten paragraphs of 27 bytes and more; a chunk of 32 tokens holds one of them.
std::string paragraphs() {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text += i == 3   ? "The zebra drank 33 bottles.\n\n"
            : i == 7 ? "A zebra and a bottle, zebra.\n\n"
                     : "Nothing of interest in here\n\n";
  }
  return text;
}

std::string found(const std::string& question, std::int64_t tokens) {
  return retrieve(text_source(paragraphs()), byte_tokenizer(), question,
                  {.chunk_tokens = 32, .tokens = tokens});
}

TEST(Retrieval, BestFirst) {
  // Stems match: "zebras" finds zebra. The chunk that says it twice comes first.
  EXPECT_NE(found("How many zebras?", 34).find("A zebra and"), std::string::npos);
  EXPECT_EQ(found("How many zebras?", 34).find("33"), std::string::npos);
}

TEST(Retrieval, InDocumentOrder) {
  const std::string two = found("zebras", 66);
  const std::size_t first = two.find("33 bottles");
  const std::size_t second = two.find("A zebra and");
  ASSERT_NE(first, std::string::npos);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
  EXPECT_EQ(two.find("Nothing"), std::string::npos);
}

TEST(Retrieval, FillsTheRoomAndNoMore) {
  for (const std::int64_t room : {0, 10, 31, 40, 70, 100, 200, 1000}) {
    EXPECT_LE(found("zebras", room).size(), static_cast<std::size_t>(room));
  }
  const std::string all = found("zebras", 10'000);
  EXPECT_NE(all.find("33"), std::string::npos);
  std::size_t others = 0;
  for (std::size_t at = all.find("Nothing"); at != std::string::npos;
       at = all.find("Nothing", at + 1)) {
    ++others;
  }
  EXPECT_EQ(others, 8U);
}

// A blank line used to stand between all chunks, within sentences too.
TEST(Retrieval, NeighboursStayOneText) {
  const std::string sentence =
      "The lamps of the long harbour wall were lit by hand each evening by 4711 keepers in turn.";
  EXPECT_EQ(retrieve(text_source(sentence), byte_tokenizer(), "harbour keepers lamps",
                     {.chunk_tokens = 40, .tokens = 1000}),
            sentence);
}

TEST(Retrieval, QuestionsAreNotSyntax) {
  for (const char* question :
       {"", "?", "\"zebra\" OR (NEAR", "a AND NOT", "zebra*", "\xC3\xA9t\xC3\xA9"}) {
    EXPECT_NO_THROW(found(question, 40)) << question;
  }
}

}  // namespace
}  // namespace memagent
