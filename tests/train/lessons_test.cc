// Lessons: drawn the same whenever they are drawn, and made of whole conversations.
#include "train/lessons.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <span>
#include <sstream>

#include "base/random.h"
#include "memagent/error.h"
#include "support/byte_tokenizer.h"
#include "train/stray_questions.h"
#include "train/training_batch.h"

namespace memagent {
namespace {

class Lessons : public testing::Test {
 protected:
  Lessons() : tokenizer_(test::byte_tokenizer()) {
    recipe_.seed = 11;
    recipe_.reading.question_tokens = 1000;
    recipe_.reading.memory_tokens = 1000;
    recipe_.reading.output_tokens = 1000;
    Stage stage;
    stage.section_tokens = {400, 800};
    stage.document_tokens = {1000, 2000};
    stage.replies_per_section = 6;
    stage.strangers = 0.5;
    stage.tasks = {{"niah_multikey_2", 1}};
    recipe_.stages = {stage};
  }
  LessonSource source() {
    renderer_ =
        std::make_shared<PromptRenderer>(prompts_, ChatFormat::kPlain, tokenizer_, true, false);
    return LessonSource(recipe_, renderer_, tokenizer_, 100'000);
  }
  std::string text(const std::vector<TokenId>& ids) const { return tokenizer_->decode_all(ids); }

  std::shared_ptr<const test::ByteTokenizer> tokenizer_;
  std::shared_ptr<const PromptRenderer> renderer_;
  PromptSet prompts_ = default_prompts();
  SftRecipe recipe_;
};

TEST_F(Lessons, AreAFunctionOfTheirNumber) {
  const LessonSource one = source();
  const LessonSource two = source();
  two.draw(0, 4);
  const auto a = one.draw(0, 9);
  const auto b = two.draw(0, 9);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].prefix, b[i].prefix);
    ASSERT_EQ(a[i].replies.size(), b[i].replies.size());
    for (std::size_t j = 0; j < a[i].replies.size(); ++j) {
      EXPECT_EQ(a[i].replies[j].prompt, b[i].replies[j].prompt);
      EXPECT_EQ(a[i].replies[j].response, b[i].replies[j].response);
    }
  }
  EXPECT_NE(one.draw(0, 10)[0].prefix, a[0].prefix);
}

// What an update adds stands in the section; what is kept from is not answered by it.
TEST_F(Lessons, AskWhatTheSectionAnswersAndWhatItDoesNot) {
  const LessonSource from = source();
  int updates = 0;
  int keeps = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      EXPECT_LE(lesson.replies.size(), 6U);
      const std::string section = text(lesson.prefix);
      for (const Reply& reply : lesson.replies) {
        EXPECT_EQ(reply.response.back(), tokenizer_->end_tokens().front());
        const std::string prompt = text(reply.prompt);
        const std::size_t asked = prompt.find("entered for ");
        if (reply.kind == ReplyKind::kAnswer) {
          EXPECT_TRUE(lesson.prefix.empty());
          continue;
        }
        ASSERT_NE(asked, std::string::npos);
        const std::size_t begin = asked + 12;
        const std::string key = prompt.substr(begin, prompt.find('?', begin) - begin);
        const bool answered = section.find(key + " is ") != std::string::npos;
        if (reply.kind == ReplyKind::kUpdate) {
          ++updates;
          EXPECT_TRUE(answered) << key;
        } else {
          ++keeps;
          // Its end may be cut off, where it is noted with the next section.
          const std::size_t at = section.find(key + " is ");
          EXPECT_TRUE(!answered || section.find('.', at) == std::string::npos) << key;
        }
      }
    }
  }
  EXPECT_GT(updates, 50);
  EXPECT_NEAR(keeps, updates, updates / 2);
}

// Asked what it does not say, a document is read without a note, and that is the answer.
TEST_F(Lessons, ThatNothingWasFoundIsAnAnswer) {
  recipe_.stages[0].absent = 1;
  const LessonSource from = source();
  for (std::int64_t number = 0; number < 10; ++number) {
    int unanswered = 0;
    for (const Lesson& lesson : from.draw(0, number)) {
      for (const Reply& reply : lesson.replies) {
        if (reply.kind != ReplyKind::kAnswer) continue;
        const std::string prompt = text(reply.prompt);
        const bool nothing_noted = prompt.find(default_prompts().empty_memory) != std::string::npos;
        const std::string response =
            tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1));
        EXPECT_EQ(nothing_noted, response == "not stated") << prompt << response;
        unanswered += nothing_noted ? 1 : 0;
      }
    }
    EXPECT_EQ(unanswered, 1);
  }
}

// Every form can be filled in, and hardly any question comes twice.
TEST(StrayQuestions, AreMadeAnew) {
  RandomStream random(5);
  std::set<std::string> questions;
  for (int i = 0; i < 3000; ++i) {
    const std::string question = stray_question(random);
    EXPECT_EQ(question.find_first_of("{}"), std::string::npos) << question;
    EXPECT_NE(std::string("?.!").find(question.back()), std::string::npos) << question;
    questions.insert(question);
  }
  EXPECT_GT(questions.size(), 2500U);
}

// A needle document that is asked what no task asks keeps its memory, and has no answer.
TEST_F(Lessons, StrayQuestionsAreNotAnswered) {
  Stage& stage = recipe_.stages[0];
  stage.strangers = 1;
  stage.absent = 1;
  stage.outsiders = 1;
  stage.outside = {{kStrayTask, 1}};
  const LessonSource from = source();
  int keeps = 0;
  int noted = 0;
  int unanswered = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      for (const Reply& reply : lesson.replies) {
        const std::string prompt = text(reply.prompt);
        const bool stray = prompt.find("entered for ") == std::string::npos;
        const std::string response =
            tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1));
        EXPECT_EQ(stray && reply.kind == ReplyKind::kAnswer, response == "not stated") << prompt;
        if (reply.kind == ReplyKind::kKeep) {
          EXPECT_TRUE(stray) << prompt;
          ++keeps;
        } else if (stray) {
          EXPECT_EQ(reply.kind, ReplyKind::kAnswer) << prompt;
          ++unanswered;
          noted += prompt.find(prompts_.empty_memory) == std::string::npos ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(keeps, 50);
  EXPECT_GT(unanswered, 10);
  EXPECT_GT(noted, 0);
  EXPECT_LT(noted, unanswered);
}

// Prose has none of the signs that nearly every clutter has.
TEST_F(Lessons, ShareOfDocumentsStandInClutter) {
  Stage& stage = recipe_.stages[0];
  stage.tasks = {{"niah_single_2", 1}};
  const auto lines_with_signs = [this](double share) {
    recipe_.stages[0].clutter = share;
    const LessonSource from = source();
    int documents = 0;
    for (std::int64_t number = 0; number < 40; ++number) {
      std::string sections;
      for (const Lesson& lesson : from.draw(0, number)) sections += text(lesson.prefix);
      documents += sections.find_first_of("|{}=*+") != std::string::npos ? 1 : 0;
    }
    return documents;
  };
  EXPECT_EQ(lines_with_signs(0), 0);
  EXPECT_NEAR(lines_with_signs(0.5), 20, 9);
  EXPECT_GT(lines_with_signs(1), 33);
}

// A file of the user's is learnt from as it stands, and stands around what tasks hide.
TEST_F(Lessons, TextsAreTheUsers) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("memagent-text-" + std::to_string(::getpid()));
  const std::string sentences = "Ships came in late. Nobody had waited. The harbour was dark.\n";
  std::ofstream(file) << sentences;
  Stage& stage = recipe_.stages[0];
  stage.section_tokens = {100, 100};
  stage.text = file.string();
  stage.tasks = {{"text", 1}};
  std::set<std::string> texts;
  const LessonSource pieces = source();
  for (std::int64_t number = 0; number < 20; ++number) {
    const Reply reply = pieces.draw(0, number).at(0).replies.at(0);
    EXPECT_EQ(reply.kind, ReplyKind::kText);
    texts.insert(text(reply.prompt) + text(reply.response));
  }
  EXPECT_EQ(texts.size(), 3U);  // a place in the file to begin at, and round again
  for (const std::string& piece : texts) {
    EXPECT_EQ(piece.size(), 100U);
    EXPECT_THAT(sentences + sentences + sentences, testing::HasSubstr(piece));
  }

  stage.section_tokens = {400, 800};
  stage.haystack = file.string();
  stage.tasks = {{"niah_single_2", 1}};
  const LessonSource documents = source();
  int sections = 0;
  for (std::int64_t number = 0; number < 5; ++number) {
    for (const Lesson& lesson : documents.draw(0, number)) {
      if (lesson.prefix.empty()) continue;  // an answer, which is given without a section
      EXPECT_THAT(text(lesson.prefix), testing::HasSubstr("Nobody had waited. "));
      ++sections;
    }
  }
  EXPECT_GT(sections, 4);
  std::filesystem::remove(file);
}

// Each task's questions are asked of the other's sections.
TEST_F(Lessons, OtherTasksAskAndAreAsked) {
  Stage& stage = recipe_.stages[0];
  stage.strangers = 1;
  stage.outsiders = 1;
  stage.outside = {{"qa_1", 1}};
  const LessonSource from = source();
  int there = 0;
  int here = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      const bool of_needles = text(lesson.prefix).find("entered for ") != std::string::npos;
      for (const Reply& reply : lesson.replies) {
        if (reply.kind == ReplyKind::kAnswer) continue;
        const bool asks_needles = text(reply.prompt).find("entered for ") != std::string::npos;
        EXPECT_EQ(reply.kind == ReplyKind::kUpdate, of_needles && asks_needles);
        there += !of_needles && asks_needles ? 1 : 0;
        here += of_needles && !asks_needles ? 1 : 0;
      }
    }
  }
  EXPECT_GT(there, 20);
  EXPECT_GT(here, 20);
}

// Met once more, what was noted is not noted again.
TEST_F(Lessons, WhatIsNotedIsKept) {
  Stage& stage = recipe_.stages[0];
  stage.strangers = 0;
  stage.again = 1;
  const LessonSource from = source();
  int kept = 0;
  int updates = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      const std::string section = text(lesson.prefix);
      for (const Reply& reply : lesson.replies) {
        if (reply.kind == ReplyKind::kAnswer) continue;
        const std::string prompt = text(reply.prompt);
        const std::size_t asked = prompt.find("entered for ") + 12;
        const std::string key = prompt.substr(asked, prompt.find('?', asked) - asked);
        const bool noted = prompt.find(key + ": ") != std::string::npos;
        EXPECT_EQ(noted, reply.kind == ReplyKind::kKeep);
        EXPECT_TRUE(!noted || section.find(key) != std::string::npos) << key;
        kept += noted ? 1 : 0;
        updates += noted ? 0 : 1;
      }
    }
  }
  EXPECT_GT(updates, 50);
  EXPECT_GT(kept, updates / 2);
}

// Asked of a memory that lacks something, a reader says what is there.
TEST_F(Lessons, MemoriesThatLackSomethingAreAnsweredFrom) {
  prompts_.answer = "{question}\nMEMORY {memory}\nEND";
  recipe_.stages[0].unfinished = 1;
  recipe_.stages[0].tasks = {{"niah_multivalue", 1}};
  const LessonSource from = source();
  std::array<int, 5> answers{};  // by the number of values
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      for (const Reply& reply : lesson.replies) {
        if (reply.kind != ReplyKind::kAnswer) continue;
        const std::string prompt = text(reply.prompt);
        const std::size_t begin = prompt.find("MEMORY ") + 7;
        std::string values;  // what follows the colon of each line
        for (std::size_t at = prompt.find(": ", begin); at != std::string::npos;
             at = prompt.find(": ", at + 2)) {
          if (!values.empty()) values += ", ";
          values += prompt.substr(at + 2, prompt.find('\n', at) - at - 2);
        }
        const std::string response =
            tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1));
        EXPECT_EQ(response, values) << prompt;
        answers.at(static_cast<std::size_t>(std::count(values.begin(), values.end(), ',')) + 1) +=
            1;
      }
    }
  }
  EXPECT_EQ(answers[4], 20);
  EXPECT_GT(answers[1] + answers[2] + answers[3], 15);
}

TEST_F(Lessons, ASectionBeyondTheWindowIsSaidWithItsPlace) {
  recipe_.stages[0].section_tokens = {400, 200'000};
  recipe_.stages[0].where = "my.toml: line 7: stage.section_tokens";
  try {
    source();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::StartsWith("my.toml: line 7: stage.section_tokens: "));
  }
}

// What was noted in error stays in the memory, whatever comes after; it neither keeps the right
// note away nor is it an answer.
TEST_F(Lessons, WrongNotesDoNotMislead) {
  prompts_.gate_add = "ADD";
  for (std::string& update : prompts_.update[static_cast<std::size_t>(Policy::kGated)]) {
    update += "\nOr ADD.";
  }
  prompts_.answer = "{question}\nMEMORY {memory}\nEND";
  recipe_.stages[0].misnoted = 1;
  recipe_.stages[0].absent = 1;
  recipe_.stages[0].unfinished = 1;
  const LessonSource from = source();
  int additions = 0;
  int answers = 0;
  int misled = 0;  // answers with another note beside theirs
  int unanswered = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      for (const Reply& reply : lesson.replies) {
        const std::string prompt = text(reply.prompt);
        const std::string response =
            tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1));
        if (reply.kind == ReplyKind::kUpdate) {
          ASSERT_TRUE(response.starts_with("ADD\n")) << response;
          EXPECT_EQ(std::count(response.begin(), response.end(), '\n'), 1) << response;
          ++additions;
        }
        if (reply.kind != ReplyKind::kAnswer) continue;
        const std::size_t asked = prompt.find("entered for ") + 12;
        const std::string key = prompt.substr(asked, prompt.find('?', asked) - asked);
        const std::size_t begin = prompt.find("MEMORY ") + 7;
        const std::string memory = prompt.substr(begin, prompt.find("\nEND") - begin);
        EXPECT_NE(memory, prompts_.empty_memory);
        const std::string line = "\n- " + key + ": ";
        const std::size_t noted = ('\n' + memory).find(line);
        if (noted == std::string::npos) {
          EXPECT_EQ(response, "not stated") << memory;
          ++unanswered;
        } else {
          EXPECT_EQ(memory.substr(noted + line.size() - 1, response.size()), response);
          misled += memory.find('\n') == std::string::npos ? 0 : 1;
          ++answers;
        }
      }
    }
  }
  EXPECT_GT(additions, 50);
  EXPECT_GT(answers, 20);
  EXPECT_GT(misled, answers / 2);
  EXPECT_GT(unanswered, 40);
}

// After a wrong decision to add, what stands in the section is noted under its own name.
TEST_F(Lessons, SlipsNoteWhatTheSectionSays) {
  recipe_.stages[0].slips = 1;
  recipe_.stages[0].tasks = {{"alike_names", 1}};
  EXPECT_THROW(source(), Error);  // no word for adding
  prompts_.gate_add = "ADD";
  for (std::string& update : prompts_.update[static_cast<std::size_t>(Policy::kGated)]) {
    update += "\nOr ADD.";
  }
  const LessonSource from = source();
  int slips = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : from.draw(0, number)) {
      const std::string section = text(lesson.prefix);
      for (const Reply& reply : lesson.replies) {
        if (reply.kind != ReplyKind::kSlip) continue;
        ++slips;
        const std::string prompt = text(reply.prompt);
        EXPECT_TRUE(prompt.ends_with("ADD\n")) << prompt;
        const std::string note =
            tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1));
        const std::size_t colon = note.find(": ");
        ASSERT_NE(colon, std::string::npos) << note;
        ASSERT_TRUE(note.starts_with("- ")) << note;
        const std::string key = note.substr(2, colon - 2);
        EXPECT_EQ(prompt.find("entered for " + key + "?"), std::string::npos) << prompt;
        EXPECT_NE(section.find(key + " is " + note.substr(colon + 2)), std::string::npos) << note;
      }
    }
  }
  EXPECT_GT(slips, 50);
}

TEST_F(Lessons, PackIntoOneBatchWithEveryReplyUnderItsSection) {
  const LessonSource from = source();
  TrainingBatch batch;
  std::int64_t learnt = 0;
  std::int64_t of_sections = 0;
  for (const Lesson& lesson : from.draw(0, 2)) {
    batch.add(lesson, 0.25);
    if (!lesson.prefix.empty()) of_sections += std::ssize(lesson.prefix) - 1;
    for (const Reply& reply : lesson.replies) learnt += std::ssize(reply.response);
  }
  ASSERT_EQ(std::ssize(batch.weights), learnt + of_sections);
  EXPECT_EQ(batch.weights.size(), batch.packed.rows.size());
  EXPECT_EQ(std::count(batch.weights.begin(), batch.weights.end(), 1.0F), learnt);
  for (const TrainingBatch::PackedReply& reply : batch.replies) {
    const TokenId last =
        static_cast<TokenId>(batch.packed.targets[static_cast<std::size_t>(reply.end - 1)]);
    EXPECT_EQ(last, tokenizer_->end_tokens().front());
    for (std::int64_t row = reply.begin; row < reply.end; ++row) {
      EXPECT_EQ(batch.weights[static_cast<std::size_t>(row)], 1.0F);
    }
  }
}

TEST_F(Lessons, DrillsSayEverythingTwice) {
  recipe_.stages[0].tasks = {{"drill", 1}};
  const auto lessons = source().draw(0, 1);
  ASSERT_EQ(lessons.size(), 1U);
  EXPECT_EQ(lessons[0].replies.at(0).prompt, lessons[0].replies.at(0).response);
  EXPECT_EQ(lessons[0].replies[0].kind, ReplyKind::kText);
}

// What a key is asked for stands behind it in the list, and is of few different tokens.
TEST_F(Lessons, RepeatsAreAskedForByTheirKeys) {
  recipe_.stages[0].tasks = {{"repeats", 1}};
  const LessonSource lessons = source();
  std::size_t tokens = 0;
  std::size_t different = 0;
  for (std::int64_t number = 0; number < 50; ++number) {
    const auto drawn = lessons.draw(0, number);
    ASSERT_EQ(drawn.size(), 1U);
    const std::vector<TokenId>& list = drawn[0].prefix;
    for (const Reply& reply : drawn[0].replies) {
      std::vector<TokenId> line = reply.prompt;
      EXPECT_EQ(line.size(), 2U);
      line.insert(line.end(), reply.response.begin(), reply.response.end() - 1);
      EXPECT_EQ(reply.response.back(), tokenizer_->end_tokens().front());
      EXPECT_NE(std::search(list.begin(), list.end(), line.begin(), line.end()), list.end());
      tokens += line.size() - 2;
      different += std::set<TokenId>(line.begin() + 2, line.end()).size();
    }
  }
  EXPECT_LT(2 * different, tokens);
}

// Readings that begin with votes of eleven sections, some 275 bytes, are left out where memories
// are shorter; the others are learnt from.
TEST_F(Lessons, LeaveOutReadingsThatBeginWithTooMuch) {
  recipe_.reading.memory_tokens = 150;
  recipe_.stages[0].tasks = {{"fwe", 1}};
  const LessonSource lessons = source();
  int updates = 0;
  for (std::int64_t number = 0; number < 20; ++number) {
    for (const Lesson& lesson : lessons.draw(0, number)) {
      for (const Reply& reply : lesson.replies) {
        updates += reply.kind == ReplyKind::kUpdate ? 1 : 0;
        EXPECT_LE(reply.response.size(), 150 + std::string("UPDATE\n").size());
      }
    }
  }
  EXPECT_GT(updates, 20);
}

// Decided here by the numbers in the notes: minutes, pages and students.
TEST_F(Lessons, ComparisonsFollowFromTheirNotes) {
  recipe_.stages[0].tasks = {{"compare", 1}};
  const LessonSource lessons = source();
  const std::regex form("- \\w+ ([^\n]*): [^\n]*?([\\d,]+) (minutes|pages|students)");
  int decided = 0;
  int yes_no = 0;
  int with_others = 0;
  constexpr int kLessons = 600;
  for (std::int64_t number = 0; number < kLessons; ++number) {
    const auto drawn = lessons.draw(0, number);
    ASSERT_EQ(drawn.size(), 1U);
    const Reply& reply = drawn[0].replies.at(0);
    EXPECT_EQ(reply.kind, ReplyKind::kAnswer);
    EXPECT_EQ(reply.response.back(), tokenizer_->end_tokens().front());
    const std::string prompt = text(reply.prompt);
    const std::string answer =
        tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1));
    const auto notes = std::ranges::count(prompt, '-');
    SCOPED_TRACE(prompt + " " + answer);
    yes_no += answer == "yes" || answer == "no" ? 1 : 0;
    with_others += notes > 3 ? 1 : 0;
    const std::string question = prompt.substr(0, prompt.find("\n- "));
    std::map<std::string, std::int64_t> values;
    for (std::sregex_iterator it(prompt.begin(), prompt.end(), form), end; it != end; ++it) {
      std::string digits = (*it)[2];
      std::erase(digits, ',');
      if (question.find((*it)[1]) != std::string::npos) values[(*it)[1]] = std::stoll(digits);
    }
    if (values.size() != 2 || answer == "yes" || answer == "no") continue;
    const auto& [one, of_one] = *values.begin();
    const auto& [other, of_other] = *values.rbegin();
    const bool least = std::regex_search(question, std::regex("fewer|shorter|smaller"));
    EXPECT_EQ(answer, (of_one < of_other) == least ? one : other);
    ++decided;
  }
  EXPECT_GT(decided, 50);
  EXPECT_NEAR(yes_no, kLessons / 2, 60);  // five standard deviations
  EXPECT_GT(with_others, kLessons / 8);
}

// Counted here in another way: no word that is not named comes more often than one that is.
TEST_F(Lessons, TalliesNameTheThreeMostFrequentWords) {
  recipe_.stages[0].tasks = {{"tally", 1}};
  const LessonSource lessons = source();
  int of_three = 0;
  for (std::int64_t number = 0; number < 50; ++number) {
    const auto drawn = lessons.draw(0, number);
    ASSERT_EQ(drawn.size(), 1U);
    std::map<std::string, int> counts;
    std::istringstream words(tokenizer_->decode(drawn[0].prefix));
    for (std::string word; words >> word;) {
      if (word != "...") ++counts[word];
    }
    const Reply& reply = drawn[0].replies.at(0);
    EXPECT_EQ(tokenizer_->decode(reply.prompt), "\n-");
    EXPECT_EQ(reply.response.back(), tokenizer_->end_tokens().front());
    std::istringstream named(
        tokenizer_->decode(std::span(reply.response).first(reply.response.size() - 1)));
    int least = 1000;
    int num_named = 0;
    for (std::string word; named >> word; ++num_named) {
      if (word.back() == ',') word.pop_back();
      ASSERT_TRUE(counts.contains(word)) << word;
      EXPECT_LE(counts[word], least) << "most frequent first";
      least = counts[word];
      counts.erase(word);
    }
    for (const auto& [word, count] : counts) EXPECT_LE(count, least) << word;
    EXPECT_TRUE(num_named == 3 || counts.empty()) << num_named;
    of_three += num_named == 3 ? 1 : 0;
  }
  EXPECT_GT(of_three, 40);
}

}  // namespace
}  // namespace memagent
