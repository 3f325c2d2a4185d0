// Keys that are hard to tell apart: that they are as alike as they are meant to be, and still
// apart.
#include "task/alike_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "task/read_all.h"
#include "task/registry.h"
#include "task/verifier.h"

namespace memagent {
namespace {

std::string text_of(std::uint64_t name, Split split) {
  std::string text;
  append_short_name(name, split, text);
  return text;
}

TEST(AlikeNames, AreEveryPairOfTheirWords) {
  bool listed = false;
  bool coined = false;
  for (std::uint64_t key = 0; key < 8; ++key) {
    const AlikeNames names(Split::kTrain, key);
    std::set<std::string> all;
    std::map<std::string, int> first;
    std::map<std::string, int> second;
    for (std::uint64_t number = 0; number < AlikeNames::kNumNames; ++number) {
      const std::string name = text_of(names.name(number), Split::kTrain);
      const std::size_t hyphen = name.find('-');
      all.insert(name);
      ++first[name.substr(0, hyphen)];
      ++second[name.substr(hyphen + 1)];
    }
    EXPECT_EQ(all.size(), AlikeNames::kNumNames);
    EXPECT_EQ(first.size(), AlikeNames::kNumWords);
    EXPECT_EQ(second.size(), AlikeNames::kNumWords);
    for (const auto& [word, count] : first) EXPECT_EQ(count, 12) << word;
    for (const auto& [word, count] : second) EXPECT_EQ(count, 12) << word;
    (is_coined(names.name(0)) ? coined : listed) = true;
  }
  EXPECT_TRUE(listed && coined);
}

int different_digits(Uuid a, Uuid b) {
  const auto count = [](std::uint64_t different) {
    int digits = 0;
    for (; different != 0; different >>= 4) digits += (different & 15) != 0 ? 1 : 0;
    return digits;
  };
  return count(a.high ^ b.high) + count(a.low ^ b.low);
}

TEST(AlikeUuids, DifferInFewDigitsAndBelongToTheirSplit) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const AlikeUuids uuids(split, 5);
    std::vector<Uuid> all;
    for (std::uint64_t number = 0; number < 200; ++number) {
      const Uuid uuid = uuids.uuid(number);
      EXPECT_EQ(split_of(uuid.high ^ uuid.low), split);
      EXPECT_EQ(uuid.high >> 12 & 15, 4U);  // version
      EXPECT_EQ(uuid.low >> 62, 2U);        // variant
      all.push_back(uuid);
    }
    int near = 0;
    for (std::size_t i = 1; i < all.size(); ++i) {
      int least = 32;
      for (std::size_t j = 0; j < i; ++j) least = std::min(least, different_digits(all[i], all[j]));
      near += least <= 6 ? 1 : 0;
    }
    EXPECT_GT(near, 190);  // all but the first of each of the six stems
  }
}

TEST(AlikeUuids, AreAllDifferent) {
  for (std::uint64_t key = 0; key < 4; ++key) {
    const AlikeUuids uuids(Split::kTest, key);
    std::set<std::pair<std::uint64_t, std::uint64_t>> all;
    constexpr std::uint64_t kNumbers = 60'000;  // past the end of those with two changes
    for (std::uint64_t number = 0; number < kNumbers; ++number) {
      const Uuid uuid = uuids.uuid(number);
      all.emplace(uuid.high, uuid.low);
    }
    EXPECT_EQ(all.size(), kNumbers);
  }
}

int count_of(const std::string& part, const std::string& text) {
  int found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
  return found;
}

// One that stood twice, with different values, had two right answers and one that counted.
TEST(AlikeTasks, SayTheAskedCodeOnce) {
  const auto task = find_tasks({"alike_codes"}, {}).front();
  for (std::int64_t index = 0; index < 300; ++index) {
    const auto sample =
        task->sample({.tokens = 16'384, .seed = 2, .index = index}, estimating_tokenizer());
    const std::string note = sample->row().evidence.front().note;
    const std::string text = test::read_all(*sample->document());
    EXPECT_EQ(count_of(note.substr(0, note.find(':')), text), 1) << "row " << index;
  }
}

// A word of the asked name stands with other words in the haystack; the name itself stands once.
TEST(AlikeTasks, HideTheAskedNameAmongItsWords) {
  const auto task = find_tasks({"alike_names"}, {}).front();
  for (std::int64_t index = 0; index < 5; ++index) {
    const auto sample =
        task->sample({.tokens = 8192, .seed = 2, .index = index}, estimating_tokenizer());
    const std::string text = test::read_all(*sample->document());
    const std::string note = sample->row().evidence.front().note;
    const std::string name = note.substr(0, note.find(':'));
    const std::string first = name.substr(0, name.find('-') + 1);
    const std::string second = name.substr(first.size() - 1);
    EXPECT_EQ(count_of(name, text), 1);
    EXPECT_GT(count_of(first, text), 5);
    EXPECT_GT(count_of(second, text), 5);
  }
}

// The number of the asked name is said once, of another name, after that one was named.
TEST(Relay, TellsTheNumberByWayOfAnotherName) {
  const auto task = find_tasks({"relay"}, {}).front();
  for (std::int64_t index = 0; index < 10; ++index) {
    const auto sample =
        task->sample({.tokens = 4096, .seed = 2, .index = index}, estimating_tokenizer());
    const Row& row = sample->row();
    const std::string text = test::read_all(*sample->document());
    const std::size_t begin = row.question.find(" for ") + 5;
    const std::string asked = row.question.substr(begin, row.question.find('?') - begin);
    const std::string opening = "The number entered for ";
    const std::size_t first = text.find(opening + asked + " is that of ");
    ASSERT_NE(first, std::string::npos);
    const std::size_t at = first + opening.size() + asked.size() + 12;
    const std::string other = text.substr(at, text.find('.', at) - at);
    const std::size_t second = text.find(opening + other + " is " + row.answers.at(0) + ".");
    ASSERT_NE(second, std::string::npos) << other;
    EXPECT_LT(first, second);
    EXPECT_EQ(text.find(opening + asked + " is ", first + 1), std::string::npos);
    EXPECT_EQ(text.find(row.answers[0], second + opening.size() + other.size() + 5),
              std::string::npos);
    EXPECT_EQ(sample->siblings(9, 1).size(), 3U);
  }
}

TEST(AlikeTasks, MayLackTheAskedName) {
  const auto task = find_tasks({"alike_absent"}, {}).front();
  for (std::int64_t index = 0; index < 5; ++index) {
    const auto sample =
        task->sample({.tokens = 8192, .seed = 2, .index = index}, estimating_tokenizer());
    const Row& row = sample->row();
    const std::size_t begin = row.question.find(" for ") + 5;
    const std::string name = row.question.substr(begin, row.question.find('?') - begin);
    const std::string text = test::read_all(*sample->document());
    EXPECT_EQ(text.find(name), std::string::npos) << name;
    EXPECT_NE(text.find(name.substr(0, name.find('-') + 1)), std::string::npos);
    EXPECT_TRUE(row.evidence.empty());
    const auto oracle = sample->oracle();
    oracle->read(0, row.document_bytes, text);
    EXPECT_EQ(oracle->memory(), "");
    EXPECT_EQ(oracle->answer(), "not stated");
    EXPECT_EQ(verify(oracle->answer(), row.answers, row.match).score, 1);
    EXPECT_EQ(verify("1234567", row.answers, row.match).score, 0);
  }
}

}  // namespace
}  // namespace memagent
