#include "text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "memagent/error.h"
#include "text/sample_text.h"

namespace memagent {
namespace {

// The words of figure 1 of Sennrich, Haddow and Birch (2016), worked by hand with our rule for ties
// (lower ids first; d 100, e 101, i 105, l 108, n 110, o 111, r 114, s 115, t 116, w 119).
TEST(BpeTrainer, WorkedExample) {
  BpeTrainer trainer({.vocab_size = 256 + 6, .special_tokens = {}, .pre_tokenizer = "gpt-2"});
  const auto say = [&](const char* word, int times) {
    for (int i = 0; i < times; ++i) {
      trainer.feed(word);
      trainer.end_document();
    }
  };
  say("low", 5);
  say("lowest", 2);
  say("newer", 6);
  say("wider", 3);
  // low 5, lowest 2, newer 6, wider 3: (e r) 9; (w e) 8 becomes (w er) 6 and (w e) 2.
  // Then (l o) 7 before (o w) 7; (lo w) 7; then with 6 each (e w), (n e), (w er): (e w) first,
  // which leaves (n ew) 6 and (ew er) 6: (n ew), then (new er).
  EXPECT_THAT(trainer.train().merges,
              testing::ElementsAre("e r", "l o", "lo w", "e w", "n ew", "new er"));
}

TEST(BpeTrainer, TheSameHoweverTheTextIsCut) {
  const std::string text = mixed_sample(5, 400'000);
  BpeTrainer whole({.vocab_size = 1500});
  whole.feed(text);
  BpeTrainer pieces({.vocab_size = 1500});
  RandomStream random(1);
  for (std::size_t done = 0; done < text.size();) {
    const std::string_view piece = std::string_view(text).substr(done, 1 + random.below(5000));
    pieces.feed(piece);
    done += piece.size();
  }
  EXPECT_EQ(pieces.bytes(), static_cast<std::int64_t>(text.size()));
  const Vocabulary a = whole.train();
  const Vocabulary b = pieces.train();
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.tokens, b.tokens);
}

TEST(BpeTrainer, TheVocabularyIsFullAndCompresses) {
  const std::string text = english_sample(1, 1'000'000);
  BpeTrainer trainer({.vocab_size = 700});
  trainer.feed(text);
  const auto tokenizer = make_tokenizer(trainer.train());
  EXPECT_EQ(tokenizer->vocab_size(), 700);
  EXPECT_EQ(tokenizer->special_token("<|im_start|>"), 698);
  EXPECT_THAT(tokenizer->end_tokens(), testing::UnorderedElementsAre(697, 699));
  const std::vector<TokenId> ids = tokenizer->encode(text);
  EXPECT_EQ(tokenizer->decode(ids), text);
  // A hundred words make up the text: nearly each should have become one token.
  EXPECT_LT(ids.size(), text.size() / 4);
}

TEST(BpeTrainer, DigitsStayInGroupsOfThree) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "12345678 ";
  BpeTrainer trainer({.vocab_size = 300});
  trainer.feed(text);
  for (const std::string& token : trainer.train().tokens) {
    const bool digits = token.find_first_not_of("0123456789") == std::string::npos;
    EXPECT_TRUE(!digits || token.size() <= 3) << token;
  }
}

TEST(BpeTrainer, TooLittleTextGivesASmallerVocabulary) {
  BpeTrainer trainer({.vocab_size = 5000});
  trainer.feed("the the");
  EXPECT_LT(trainer.train().tokens.size(), 270U);
}

TEST(BpeTrainer, RefusesOptionsThatCannotBeCarriedOut) {
  EXPECT_THROW(BpeTrainer({.vocab_size = 258}), Error);
  EXPECT_THROW(BpeTrainer({.special_tokens = {"a", "a"}}), Error);
  EXPECT_THROW(BpeTrainer({.special_tokens = {""}}), Error);
  EXPECT_THROW(BpeTrainer({.pre_tokenizer = "klingon"}), Error);
  EXPECT_THROW(BpeTrainer({.max_token_bytes = 1}), Error);
}

}  // namespace
}  // namespace memagent
