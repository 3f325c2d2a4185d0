// The estimate counts at least what real vocabularies do. (Streaming: stream_test.cc.)
#include <gtest/gtest.h>

#include <array>

#include "base/random.h"
#include "memagent/tokenizer.h"
#include "text/sample_text.h"
#include "text/tiktoken.h"

namespace memagent {
namespace {

// Article 1 of the Universal Declaration of Human Rights, or its beginning, in several scripts.
constexpr const char* kArticles[] = {
    "All human beings are born free and equal in dignity and rights. They are endowed with reason "
    "and conscience and should act towards one another in a spirit of brotherhood.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und "
    "Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de "
    "raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и "
    "совестью и должны поступать в отношении друг друга в духе братства.",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "😀🎉👨‍👩‍👧‍👦🇩🇪👍🏽 🤖"};

TEST(Estimate, CountsNoFewerThanCl100k) {
  if (!have_tiktoken()) GTEST_SKIP() << "tests/npm/node_modules is not installed; run `make test`";
  const auto real = make_tokenizer(tiktoken_vocabulary("cl100k_base", "llama-bpe"));
  const auto estimate = estimating_tokenizer();
  const auto expect_enough = [&](const std::string& text) {
    EXPECT_GE(estimate->encode(text).size(), real->encode(text).size()) << text.substr(0, 100);
  };
  for (const char* article : kArticles) expect_enough(article);
  expect_enough(english_sample(1, 100'000));
  expect_enough(real_sample(500'000));
  expect_enough("for (int i = 0; i < count; ++i) {\n    values[i] += 0x1F;\n}\n");
}

TEST(Estimate, WorkedExample) {
  const auto tokenizer = estimating_tokenizer();
  std::vector<std::string> pieces;
  for (const TokenId id :
       tokenizer->encode("Hello, you 42\xC3\xA9\n\n\xE2\x82\xAC\xF0\x9F\x98\x80")) {
    EXPECT_LT(id, tokenizer->vocab_size());
    pieces.emplace_back(tokenizer->token_bytes(id));
  }
  EXPECT_EQ(pieces,
            (std::vector<std::string>{"Hel", "lo", ",", " yo", "u", " ", "4", "2", "\xC3\xA9",
                                      "\n\n", "\xE2\x82", "\xAC", "\xF0", "\x9F", "\x98", "\x80"}));
}

// Long texts go through another loop than a byte at a time: characters of every kind and width in
// every neighbourhood, cut short on both sides of where that loop takes over.
TEST(Estimate, OfAWholeTextIsThatOfItsBytesOneByOne) {
  constexpr std::array kParts = {"a",
                                 "Z",
                                 "{",
                                 "`",
                                 "@",
                                 " ",
                                 "  ",
                                 "\n",
                                 "\t",
                                 "\r",
                                 ".",
                                 "7",
                                 "\xC3\xA9",
                                 "\xE2\x82\xAC",
                                 "\xF0\x9F\x98\x80",
                                 "ab",
                                 " abc",
                                 "\xFF"};
  const auto tokenizer = estimating_tokenizer();
  RandomStream draw(3);
  for (std::size_t bytes = 0; bytes < 3000; bytes += bytes < 20 ? 1 : 61) {
    std::string text;
    while (text.size() < bytes) text += kParts[draw.below(kParts.size())];
    text.resize(bytes);
    std::vector<TokenId> one_by_one;
    const auto stream = tokenizer->stream();
    for (const char& byte : text) stream->feed({&byte, 1}, one_by_one);
    stream->finish(one_by_one);
    EXPECT_EQ(tokenizer->encode(text), one_by_one) << bytes;
  }
}

}  // namespace
}  // namespace memagent
