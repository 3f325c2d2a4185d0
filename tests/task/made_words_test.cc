// Names and values: their form, and that no draw of one split can be drawn in the other. Small
// spaces are drawn from until they are used up.
#include "task/made_words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <regex>
#include <set>

namespace memagent {
namespace {

std::set<std::string> draws(Split split, int count,
                            const std::function<std::string(RandomStream&, Split)>& make) {
  RandomStream draw(17);
  std::set<std::string> made;
  for (int i = 0; i < count; ++i) made.insert(make(draw, split));
  return made;
}

// Sets of the two splits with nothing in common.
void expect_apart(const std::set<std::string>& train, const std::set<std::string>& test) {
  for (const std::string& text : train) EXPECT_FALSE(test.contains(text)) << text;
}

TEST(MadeWords, SplitsShareOutAllSmallNumbers) {
  const auto make = [](RandomStream& draw, Split split) {
    return std::to_string(made_small_number(draw, split));
  };
  // 1,200,000 draws from 45,000 numbers or so: each is missed with odds of e^-26.
  const auto train = draws(Split::kTrain, 1200000, make);
  const auto test = draws(Split::kTest, 1200000, make);
  expect_apart(train, test);
  EXPECT_EQ(train.size() + test.size(), 90000U);
  EXPECT_NEAR(static_cast<double>(train.size()), 45000, 1000);
  EXPECT_EQ(std::min(*train.begin(), *test.begin()), "10000");
}

TEST(MadeWords, NumbersHaveSevenDigitsAndBelongToTheirSplit) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    RandomStream draw(3);
    for (int i = 0; i < 1000; ++i) {
      const std::int64_t number = made_number(draw, split);
      EXPECT_GE(number, 1000000);
      EXPECT_LE(number, 9999999);
      EXPECT_EQ(split_of(static_cast<std::uint64_t>(number)), split);
    }
  }
}

TEST(MadeWords, CodesOfTwoLettersAreSharedOut) {
  const auto make = [](RandomStream& draw, Split split) { return made_code(draw, split, 2, 'A'); };
  const auto train = draws(Split::kTrain, 20000, make);
  const auto test = draws(Split::kTest, 20000, make);
  expect_apart(train, test);
  EXPECT_EQ(train.size() + test.size(), 26U * 26U);
  EXPECT_TRUE(train.contains("AA") || test.contains("AA"));
}

TEST(MadeWords, UuidsAreOfVersionFour) {
  // RFC 9562, section 5.4: version 4 in the 13th digit, variant 10 in the 17th.
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  for (const Split split : {Split::kTrain, Split::kTest}) {
    RandomStream draw(3);
    for (int i = 0; i < 200; ++i) {
      const Uuid uuid = made_uuid(draw, split);
      std::string text;
      append_uuid(uuid, text);
      EXPECT_TRUE(std::regex_match(text, form)) << text;
      EXPECT_EQ(split_of(uuid.high ^ uuid.low), split);
    }
  }
  std::string text;
  append_uuid({0x0123456789AB4CDE, 0x8F0123456789ABCD}, text);
  EXPECT_EQ(text, "01234567-89ab-4cde-8f01-23456789abcd");
}

TEST(MadeWords, NamesAreDistinctAndSplitsShareNoWord) {
  std::set<std::string> words[2];
  for (const Split split : {Split::kTrain, Split::kTest}) {
    std::set<std::string> names;
    for (std::uint64_t i = 0; i < kNumShortNames; ++i) {
      std::string name;
      append_short_name(i, split, name);
      const std::size_t hyphen = name.find('-');
      ASSERT_NE(hyphen, std::string::npos) << name;
      ASSERT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << name;
      words[static_cast<int>(split)].insert(name.substr(0, hyphen));
      words[static_cast<int>(split)].insert(name.substr(hyphen + 1));
      names.insert(std::move(name));
    }
    EXPECT_EQ(names.size(), kNumShortNames);
    std::set<std::string> long_names;
    for (std::uint64_t i = 0; i < kNumLongNames; i += 997) {
      std::string name;
      append_long_name(i, split, name);
      long_names.insert(name);
    }
    EXPECT_EQ(long_names.size(), (kNumLongNames + 996) / 997);
  }
  expect_apart(words[0], words[1]);
}

TEST(MadeWords, CoinedWordsAreDifferentAndNoneIsListed) {
  std::set<std::string> coined;
  const auto coin = [&](std::uint64_t i) {
    std::string name;
    append_short_name(kNumShortNames + i, Split::kTrain, name);
    coined.insert(name.substr(name.find('-') + 1));
  };
  for (std::uint64_t i = 0; i < kNumSyllableWords; ++i) coin(i);
  EXPECT_EQ(coined.size(), kNumSyllableWords);
  // Of those that are spliced most are; short heads and tails are many words'.
  std::uint64_t spliced = 0;
  const std::uint64_t first_of_pieces = kNumSyllableWords + kNumSplicedWords;
  for (std::uint64_t i = kNumSyllableWords; i < first_of_pieces; i += 61, ++spliced) coin(i);
  EXPECT_GT(coined.size(), kNumSyllableWords + spliced * 3 / 4);
  // So are those of pieces; a quarter is a single one.
  const std::size_t before = coined.size();
  for (std::uint64_t i = 0; i < 20000; ++i) coin(first_of_pieces + i * 53687);
  EXPECT_GT(coined.size() - before, 14000U);
  // An adjective and a noun of either split for each of 181 * 326 names.
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (std::uint64_t i = 0; i < kNumShortNames; i += 325) {
      std::string name;
      append_short_name(i, split, name);
      const std::size_t hyphen = name.find('-');
      EXPECT_FALSE(coined.contains(name.substr(0, hyphen))) << name;
      EXPECT_FALSE(coined.contains(name.substr(hyphen + 1))) << name;
    }
  }
}

TEST(MadeWords, MostOfTheTrainingSplitsNamesAreCoined) {
  RandomStream draw(5);
  int coined = 0;
  for (int i = 0; i < 10000; ++i) {
    coined += drawn_short_name(draw, Split::kTrain) >= kNumShortNames ? 1 : 0;
    EXPECT_LT(drawn_short_name(draw, Split::kTest), kNumShortNames);
  }
  EXPECT_NEAR(coined, 7500, 217);  // five standard deviations
}

}  // namespace
}  // namespace memagent
