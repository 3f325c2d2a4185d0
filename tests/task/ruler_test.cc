// Every task of RULER solved by its oracle, which sees the document only as sections, and not
// solved by an empty answer; and the parameters of the paper (arXiv 2404.06654, appendix B) counted
// in the documents themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "memagent/error.h"
#include "task/frequency_oracle.h"
#include "task/prose.h"
#include "task/read_all.h"
#include "task/registry.h"
#include "task/verifier.h"

namespace memagent {
namespace {

using test::read_all;

std::shared_ptr<const Task> task_named(const std::string& name) {
  return find_tasks({name}, {}).front();
}

std::unique_ptr<Sample> make(const std::string& task, SampleSpec spec) {
  return task_named(task)->sample(spec, estimating_tokenizer());
}

std::vector<std::string> ruler_names() {
  std::vector<std::string> names;
  for (const auto& task : find_tasks({"ruler", "alike", "relay", "reworded"}, {})) {
    const bool elsewhere = task->name().starts_with("qa_") || task->name() == "alike_absent";
    if (!elsewhere) names.push_back(task->name());
  }
  return names;
}

// The share of the answers that stand in the text as whole words.
double contained(const std::string& text, const std::vector<std::string>& answers) {
  double found = 0;
  for (const std::string& answer : answers) {
    if (std::regex_search(text, std::regex("(^|\\W)" + answer + "($|\\W)"))) found += 1;
  }
  return found / static_cast<double>(answers.size());
}

std::int64_t occurrences(const std::string& text, const std::string& part) {
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

class EveryTask : public testing::TestWithParam<std::string> {};

TEST_P(EveryTask, IsSolvedByItsOracleAndNotByAnEmptyAnswer) {
  const auto task = task_named(GetParam());
  for (const std::int64_t tokens : {8192, 65536, 524288}) {
    for (std::int64_t index = 0; index < (tokens > 100000 ? 1 : 3); ++index) {
      SCOPED_TRACE(testing::Message() << tokens << " tokens, row " << index);
      const auto sample =
          task->sample({.tokens = tokens, .seed = 4, .index = index}, estimating_tokenizer());
      const Row& row = sample->row();
      EXPECT_EQ(row.task, GetParam());
      EXPECT_EQ(verify("", row.answers, row.match).score, 0);
      EXPECT_LE(row.tokens, tokens);
      EXPECT_GT(row.tokens, tokens - 120);  // a paragraph's worth at most; units are sentences

      const auto oracle = sample->oracle();
      SectionReader reader(sample->document(), estimating_tokenizer(), {.section_tokens = 1000});
      Section section;
      std::int64_t counted = 0;
      EXPECT_EQ(oracle->memory(), "");
      EXPECT_FALSE(oracle->complete());
      std::string memory;
      while (reader.next(section)) {
        const bool was_complete = oracle->complete();
        oracle->read(section.byte_begin, section.byte_end, section.text);
        if (was_complete) {
          EXPECT_EQ(oracle->memory(), memory);
        }
        memory = oracle->memory();
        counted += static_cast<std::int64_t>(section.tokens.size());
      }
      EXPECT_EQ(counted, row.tokens);
      EXPECT_EQ(reader.bytes_read(), row.document_bytes);
      EXPECT_EQ(reader.repaired_sequences(), 0);
      EXPECT_TRUE(oracle->complete());
      EXPECT_EQ(verify(oracle->answer(), row.answers, row.match).score, 1) << oracle->answer();
      // Enough to answer from, and no more than a memory holds.
      EXPECT_EQ(contained(memory, row.answers), 1) << memory;
      EXPECT_LT(memory.size(), 1000U);
    }
  }
}

TEST_P(EveryTask, RecordsEvidenceAsItStandsInTheDocument) {
  for (std::int64_t index = 0; index < 5; ++index) {
    const auto sample = make(GetParam(), {.tokens = 8192, .index = index});
    const std::string text = read_all(*sample->document());
    for (const Evidence& fact : sample->row().evidence) {
      EXPECT_EQ(text.substr(static_cast<std::size_t>(fact.byte_begin),
                            static_cast<std::size_t>(fact.byte_end - fact.byte_begin)),
                fact.text);
      EXPECT_EQ(contained(fact.note, fact.values), 1);
    }
  }
}

TEST_P(EveryTask, RowsDependOnNothingButTheirSpec) {
  const SampleSpec spec{.tokens = 8192, .seed = 9, .index = 5};
  const auto first = make(GetParam(), spec);
  (void)make(GetParam(), {.tokens = 20000, .seed = 1, .index = 6});
  const auto again = make(GetParam(), spec);
  const std::string text = read_all(*first->document());
  EXPECT_EQ(read_all(*again->document()), text);
  EXPECT_EQ(again->row().question, first->row().question);
  EXPECT_EQ(again->row().answers, first->row().answers);
  for (const SampleSpec& other :
       {SampleSpec{.tokens = 8192, .seed = 9, .index = 6},
        SampleSpec{.tokens = 8192, .seed = 10, .index = 5},
        SampleSpec{.tokens = 8192, .seed = 9, .split = Split::kTrain, .index = 5}}) {
    EXPECT_NE(make(GetParam(), other)->row().answers, first->row().answers);
    EXPECT_NE(make(GetParam(), other)->row().id, first->row().id);
  }
}

TEST_P(EveryTask, SaysTheFewestTokensItNeeds) {
  const auto task = task_named(GetParam());
  const std::int64_t fewest = task->fewest_tokens(*estimating_tokenizer());
  for (std::int64_t index = 0; index < 20; ++index) {
    const SampleSpec spec{.tokens = fewest, .index = index};
    EXPECT_LE(make(GetParam(), spec)->row().tokens, fewest);
  }
  try {
    (void)make(GetParam(), {.tokens = fewest - 1});
    FAIL() << "a length below the fewest was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("at least " + std::to_string(fewest)));
  }
}

TEST_P(EveryTask, FitsIntoAThousandTokens) {
  EXPECT_LE(task_named(GetParam())->fewest_tokens(*estimating_tokenizer()), 1024);
}

TEST_P(EveryTask, SplitsShareNoAnswer) {
  std::set<std::string> train;
  std::set<std::string> test;
  for (std::int64_t index = 0; index < 40; ++index) {
    for (const Split split : {Split::kTrain, Split::kTest}) {
      const auto sample = make(GetParam(), {.tokens = 4096, .split = split, .index = index});
      auto& answers = split == Split::kTrain ? train : test;
      answers.insert(sample->row().answers.begin(), sample->row().answers.end());
    }
  }
  for (const std::string& answer : train) EXPECT_FALSE(test.contains(answer)) << answer;
}

INSTANTIATE_TEST_SUITE_P(Ruler, EveryTask, testing::ValuesIn(ruler_names()),
                         [](const auto& name) { return name.param; });

struct NiahCase {
  std::string task;
  std::size_t answers;
  std::int64_t needles;  // sentences of the needle's form; -1: the whole text
  std::string key;       // patterns
  std::string value;
};

class Needles : public testing::TestWithParam<NiahCase> {};

constexpr const char* kName = "[a-z]+-[a-z]+";
constexpr const char* kNumber = "[1-9][0-9]{6}";
constexpr const char* kUuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

TEST_P(Needles, HasTheNeedlesOfThePaper) {
  const NiahCase& niah = GetParam();
  for (std::int64_t index = 0; index < 4; ++index) {
    const auto sample = make(niah.task, {.tokens = 8192, .index = index});
    const Row& row = sample->row();
    const std::string text = read_all(*sample->document());
    EXPECT_EQ(row.match, Match::kAll);
    ASSERT_EQ(row.answers.size(), niah.answers);
    ASSERT_EQ(row.evidence.size(), niah.answers);

    const std::regex needle("The (number|code) entered for (" + niah.key + ") is (" + niah.value +
                            ")\\.");
    std::map<std::string, std::vector<std::string>> values;  // by key
    std::int64_t needles = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), needle), end; at != end; ++at) {
      ++needles;
      values[(*at)[2]].push_back((*at)[3]);
    }
    if (niah.needles >= 0) {
      EXPECT_EQ(needles, niah.needles);
    } else {
      EXPECT_EQ(needles, std::count(text.begin(), text.end(), '\n'));
      EXPECT_GT(needles, 100);
    }
    std::vector<std::string> asked;  // what is kept for the keys of the question
    for (const auto& [key, kept] : values) {
      if (row.question.find(key) == std::string::npos) continue;
      EXPECT_EQ(occurrences(text, key), static_cast<std::int64_t>(kept.size()));
      asked.insert(asked.end(), kept.begin(), kept.end());
    }
    EXPECT_THAT(asked, testing::UnorderedElementsAreArray(row.answers));
  }
}

INSTANTIATE_TEST_SUITE_P(Ruler, Needles,
                         testing::Values(NiahCase{"niah_single_1", 1, 1, kName, kNumber},
                                         NiahCase{"niah_single_2", 1, 1, kName, kNumber},
                                         NiahCase{"niah_single_3", 1, 1, kName, kUuid},
                                         NiahCase{"niah_multikey_1", 1, 4, kName, kNumber},
                                         NiahCase{"niah_multikey_2", 1, -1, kName, kNumber},
                                         NiahCase{"niah_multikey_3", 1, -1, kUuid, kUuid},
                                         NiahCase{"niah_multivalue", 4, 4, kName, kNumber},
                                         NiahCase{"niah_multiquery", 4, 4, kName, kNumber}),
                         [](const auto& niah) { return niah.param.task; });

TEST(Niah, TheAskedKeyStandsOnceAmongMoreNeedlesThanThereAreKeys) {
  for (std::int64_t index = 0; index < 3; ++index) {
    const auto sample = make("niah_multikey_2", {.tokens = 3000000, .index = index});
    const Evidence& fact = sample->row().evidence.front();
    const std::string key = fact.note.substr(0, fact.note.find(':'));
    EXPECT_THAT(sample->row().question, testing::HasSubstr(" " + key + "?"));
    const std::string text = read_all(*sample->document());
    EXPECT_GT(std::count(text.begin(), text.end(), '\n'), 60000);  // of 59,006 names
    EXPECT_EQ(occurrences(text, " for " + key + " is "), 1);
  }
}

TEST(VariableTracking, IsAChainOfFourHopsInOrder) {
  for (std::int64_t index = 0; index < 8; ++index) {
    const auto sample = make("vt", {.tokens = 8192, .index = index});
    const Row& row = sample->row();
    const std::string text = read_all(*sample->document());
    const std::regex sentence(
        "Variable ([A-Z]{5}) is set to (?:the value of )?([A-Z]{5}|[1-9][0-9]{4})\\.");
    std::vector<std::string> names;
    std::string last;
    for (std::sregex_iterator at(text.begin(), text.end(), sentence), end; at != end; ++at) {
      if (!names.empty()) {
        EXPECT_EQ((*at)[2], names.back());
      } else {
        EXPECT_NE(row.question.find((*at)[2].str()), std::string::npos);
      }
      names.push_back((*at)[1]);
    }
    EXPECT_EQ(names, row.answers);
    EXPECT_EQ(names.size(), 5U);

    // The ideal answer follows the notes back: each says what the next name is.
    const auto oracle = sample->oracle();
    oracle->read(0, std::ssize(text), text);
    EXPECT_EQ(oracle->answer(),
              names[4] + ", " + names[3] + ", " + names[2] + ", " + names[1] + ", " + names[0]);
  }
}

std::map<std::string, std::int64_t> words_counted(const std::string& text) {
  std::map<std::string, std::int64_t> counts;
  std::istringstream words(text);
  for (std::string word; words >> word;) ++counts[word];
  return counts;
}

// And 6 times among others that stand once, as RULER has it below 4,096 tokens.
TEST(CommonWords, StandThirtyTimesAndOthersThree) {
  for (const std::int64_t tokens : {1024, 4095, 4096, 65536}) {
    const std::int64_t common_times = tokens < 4096 ? 6 : 30;
    const std::int64_t other_times = tokens < 4096 ? 1 : 3;
    const auto sample = make("cwe", {.tokens = tokens, .index = 2});
    const std::string text = read_all(*sample->document());
    std::vector<std::string> common;
    std::int64_t entries = 0;
    for (const auto& [word, count] : words_counted(text)) {
      if (word.back() == '.') {
        EXPECT_EQ(count, 1) << word;
        ++entries;
      } else if (count == common_times) {
        common.push_back(word);
      } else {
        EXPECT_EQ(count, other_times) << word;
      }
    }
    EXPECT_THAT(common, testing::UnorderedElementsAreArray(sample->row().answers));
    EXPECT_EQ(common.size(), 10U);
    EXPECT_TRUE(text.starts_with("1. "));
    EXPECT_NE(text.find(std::to_string(entries) + ". "), std::string::npos);
    // Shuffled: each half of the list has its share of the common words.
    if (common_times < 30) continue;
    const auto half = words_counted(text.substr(0, text.size() / 2));
    for (const std::string& word : common) EXPECT_NEAR(static_cast<double>(half.at(word)), 15, 13);
  }
}

TEST(FrequentWords, FollowZipfWithExponentTwo) {
  const auto sample = make("fwe", {.tokens = 65536, .index = 2});
  const auto counts = words_counted(read_all(*sample->document()));
  std::vector<std::pair<std::int64_t, std::string>> ranks;
  for (const auto& [word, count] : counts) ranks.emplace_back(-count, word);
  std::sort(ranks.begin(), ranks.end());
  EXPECT_EQ(ranks[0].second, "...");
  EXPECT_THAT(sample->row().answers,
              testing::ElementsAre(ranks[1].second, ranks[2].second, ranks[3].second));
  const double first = static_cast<double>(-ranks[0].first);
  EXPECT_GT(first, 5000);
  // floor(n / k^2) with n between the first count and one more, up to rounding.
  for (std::size_t k = 1; k <= ranks.size(); ++k) {
    const double square = static_cast<double>(k * k);
    EXPECT_NEAR(static_cast<double>(-ranks[k - 1].first), std::floor((first + 0.5) / square), 1);
    EXPECT_TRUE(k == 1 || std::regex_match(ranks[k - 1].second, std::regex("[a-z]{6}")));
  }
  EXPECT_NEAR(static_cast<double>(ranks.size()), std::sqrt(first), 1);
}

// The Oracle of a sample after it has read all of it in exact sections.
std::unique_ptr<Oracle> read_in_sections(const Sample& sample, std::int32_t tokens = 101) {
  auto oracle = sample.oracle();
  SectionReader reader(sample.document(), estimating_tokenizer(),
                       {.section_tokens = tokens, .cut = Cut::kExact});
  for (Section section; reader.next(section);) {
    oracle->read(section.byte_begin, section.byte_end, section.text);
  }
  return oracle;
}

// A space before every name, as where it is asked for and told.
TEST(EvidenceOracle, NotesAreLinesThatBeginWithADash) {
  const auto sample = make("niah_multivalue", {.tokens = 4096, .index = 1});
  std::string expected;
  const std::string document = read_all(*sample->document());
  for (std::size_t at = 0; (at = document.find(" entered for ", at)) != std::string::npos;) {
    const std::size_t key = at + std::string(" entered for ").size();
    const std::size_t is = document.find(" is ", key);
    const std::size_t end = document.find('.', is);
    expected += (expected.empty() ? "- " : "\n- ") + document.substr(key, is - key) + ": " +
                document.substr(is + 4, end - is - 4);
    at = end;
  }
  EXPECT_EQ(read_in_sections(*sample)->memory(), expected);
}

TEST(CountingOracle, CountsWordsThatSectionsCut) {
  const auto sample = make("cwe", {.tokens = 8192, .index = 1});
  const auto counts = words_counted(read_all(*sample->document()));
  std::string expected;
  for (const std::string& word : sample->row().answers) {
    expected += (expected.empty() ? "" : "\n") + word + ": " + std::to_string(counts.at(word));
  }
  EXPECT_EQ(read_in_sections(*sample)->memory(), expected);
}

TEST(FrequencyOracle, LetsSectionsVoteAndCountsTheVotes) {
  const std::string text = "b a ... b a c\n... ... d b d a ... d b c c\ne";
  const auto oracle = frequency_oracle({{"c", "a"}}, std::ssize(text));
  const auto read = [&](std::size_t begin, std::size_t end) {
    oracle->read(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end),
                 std::string_view(text).substr(begin, end - begin));
  };
  EXPECT_EQ(oracle->memory(), "- c, a");
  read(0, 13);  // the c is not known to be whole
  EXPECT_EQ(oracle->memory(), "- c, a\n- b, a");
  read(13, text.size());
  // Of equals, the first: c, d and b. a was twice in the first section, once here.
  EXPECT_EQ(oracle->memory(), "- c, a\n- b, a\n- c, d, b");
  EXPECT_EQ(oracle->answer(), "c, a, b");
  EXPECT_TRUE(oracle->complete());
  read(13, text.size());
  EXPECT_EQ(oracle->memory(), "- c, a\n- b, a\n- c, d, b") << "read twice, counted once";
}

// After eleven votes nothing changes any more; of 40 rows of three words each few are wrong.
TEST(FrequencyOracle, SettlesAndIsMostlyRight) {
  int right = 0;
  for (std::int64_t index = 0; index < 40; ++index) {
    const auto sample = make("fwe", {.tokens = 16384, .index = index});
    const auto oracle = read_in_sections(*sample, 300);
    EXPECT_TRUE(oracle->complete());
    const std::string memory = oracle->memory();
    EXPECT_EQ(std::count(memory.begin(), memory.end(), '\n') + 1, 11);
    for (const std::string& word : sample->row().answers) {
      right += oracle->answer().find(word) == std::string::npos ? 0 : 1;
    }
  }
  EXPECT_GE(right, 110);
}

// Siblings have votes already; what they read is added to them.
TEST(FrequencyOracle, GoesOnFromTheVotesThatWereTaken) {
  const auto sample = make("fwe", {.tokens = 1024, .index = 2});
  for (std::uint64_t key = 0; key < 10; ++key) {
    const auto siblings = sample->siblings(100, key);
    ASSERT_EQ(siblings.size(), 3U);
    for (const auto& sibling : siblings) {
      EXPECT_EQ(sibling->row().question, sample->row().question);
      const auto oracle = sibling->oracle();
      const std::string before = oracle->memory();
      ASSERT_FALSE(before.empty());
      const bool complete = oracle->complete();
      EXPECT_EQ(complete, std::count(before.begin(), before.end(), '\n') == 10);
      const std::string text = read_all(*sibling->document());
      oracle->read(0, std::ssize(text), text);
      EXPECT_EQ(oracle->memory() == before, complete);
      EXPECT_TRUE(oracle->memory().starts_with(before));
    }
  }
}

TEST(Depths, AreSpreadEvenlyOverRows) {
  // 16 rows: one needle in each sixteenth of the document, but for what a unit's length shifts.
  std::map<std::int64_t, int> rows_of;
  for (std::int64_t index = 0; index < 16; ++index) {
    const auto sample = make("niah_multikey_1", {.tokens = 32768, .index = index});
    const Row& row = sample->row();
    const double depth =
        static_cast<double>(row.evidence[0].byte_begin) / static_cast<double>(row.document_bytes);
    ++rows_of[static_cast<std::int64_t>(depth * 4)];
  }
  for (std::int64_t quarter = 0; quarter < 4; ++quarter) EXPECT_NEAR(rows_of[quarter], 4, 1);
}

TEST(Prose, HoldsNothingLikeANeedle) {
  const auto prose = generated_prose(3);
  std::string text;
  for (std::int64_t i = 0; i < 20000; ++i) prose->append(i, text);
  EXPECT_EQ(text.find_first_of("0123456789-@|_"), std::string::npos);
  EXPECT_EQ(text.find("  "), std::string::npos);
  EXPECT_FALSE(std::regex_search(text, std::regex(" a [aeiou]| an [^aeiou]| ,|\\.\\.|[a-z][A-Z]")));
  // Sentences hardly ever come twice.
  std::set<std::string> sentences;
  std::string sentence;
  for (std::int64_t i = 0; i < 20000; ++i) {
    sentence.clear();
    prose->append(i, sentence);
    sentences.insert(sentence);
  }
  EXPECT_GT(sentences.size(), 19000U);
}

TEST(Registry, FindsTasksAndGroupsOnce) {
  EXPECT_EQ(find_tasks({"niah"}, {}).size(), 8U);
  EXPECT_EQ(find_tasks({"niah_single_2", "niah", "niah_single_1"}, {}).size(), 8U);
  EXPECT_EQ(find_tasks({"niah_single_2", "niah"}, {}).front()->name(), "niah_single_2");
  EXPECT_EQ(find_tasks({"all"}, {}).size(), task_names().size());
}

TEST(Registry, SuggestsNamesForUnknownOnes) {
  const auto message = [](const std::string& name) -> std::string {
    try {
      (void)find_tasks({name}, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("niah_multikye_2"), testing::HasSubstr("did you mean niah_multikey_2"));
  EXPECT_THAT(message("multivalue"), testing::HasSubstr("niah_multivalue"));
  EXPECT_THAT(message("weather forecast"), testing::HasSubstr("choose of all, ruler"));
}

}  // namespace
}  // namespace memagent
