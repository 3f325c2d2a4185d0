// Data sets against small files in their official shapes, written for these tests, and, where they
// are at hand, against real rows. Lengths are counted by encoding the whole document again, and
// evidence is cut out of it by its byte range.
#include "task/data_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "format/expect_bad_input.h"
#include "format/temporary_folder.h"
#include "support/byte_tokenizer.h"
#include "task/read_all.h"
#include "task/world/questions.h"

namespace memagent {
namespace {

using test::byte_tokenizer;
using test::read_all;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHotpot = R"([
{"_id":"h1","question":"In which country was the builder of Tall Bridge born?","answer":"Norway",
 "supporting_facts":[["Tall Bridge",1],["Ada Holm",0]],"type":"bridge","level":"easy",
 "context":[["Tall Bridge",["Tall Bridge is tall."," It was built by Ada Holm."]],
            ["Ada Holm",["Ada Holm was born in Norway."," She drew \"bridges\"."]],
            ["Small Bridge",["Small Bridge is small."]]]},
{"_id":"h2","question":"Are the Red Inn and the Blue Inn in one town?","answer":"no",
 "supporting_facts":[["Red Inn",0],["Blue Inn",0]],"type":"comparison","level":"easy",
 "context":[["Red Inn",["Red Inn is in Aby."]],["Blue Inn",["Blue Inn is in Boda."]],
            ["Tall Bridge",["Another text of the same title."]]]}
])";

class DataSets : public testing::Test {
 protected:
  DataSet read(const std::string& text, std::vector<std::string> distractors = {}) {
    return read_data_set({folder_.write("set.json", text), std::move(distractors)});
  }
  static std::unique_ptr<Sample> sample(const DataSet& set, SampleSpec spec) {
    return set.task->sample(spec, byte_tokenizer());
  }
  static std::string text(const Sample& sample) { return read_all(*sample.document()); }
  // Every fact stands at its byte range.
  static void expect_evidence(const Sample& sample) {
    const std::string document = text(sample);
    EXPECT_EQ(sample.row().document_bytes, static_cast<std::int64_t>(document.size()));
    EXPECT_FALSE(sample.row().evidence.empty()) << sample.row().id;
    for (const Evidence& fact : sample.row().evidence) {
      ASSERT_GE(fact.byte_begin, 0);
      EXPECT_EQ(document.substr(static_cast<std::size_t>(fact.byte_begin),
                                static_cast<std::size_t>(fact.byte_end - fact.byte_begin)),
                fact.text);
      EXPECT_FALSE(fact.values.empty());
    }
  }
  void expect_bad(const std::string& text, const std::string& part) {
    expect_error([&] { read(text); }, part);
  }

  TemporaryFolder folder_;
};

TEST_F(DataSets, HotpotRowsPointToTheirSentences) {
  const DataSet set = read(kHotpot);
  EXPECT_EQ(set.task->name(), "hotpotqa");
  ASSERT_EQ(set.task->size(), 2);
  EXPECT_TRUE(set.warnings.empty());
  const auto bridge = sample(set, {});
  EXPECT_EQ(bridge->row().id, "h1");
  EXPECT_THAT(bridge->row().answers, ElementsAre("Norway"));
  expect_evidence(*bridge);
  ASSERT_EQ(bridge->row().evidence.size(), 2U);
  EXPECT_EQ(bridge->row().evidence[0].text, "It was built by Ada Holm.");
  EXPECT_THAT(bridge->row().evidence[0].values, ElementsAre("Ada Holm"));
  EXPECT_EQ(bridge->row().evidence[1].text, "Ada Holm was born in Norway.");
  EXPECT_THAT(bridge->row().evidence[1].values, ElementsAre("Norway"));
  EXPECT_THAT(text(*bridge), HasSubstr("# Tall Bridge\n\nTall Bridge is tall. It was built"));
}

TEST_F(DataSets, PaddingLeavesOutTitlesOfSupportingParagraphs) {
  const DataSet set = read(kHotpot);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    // Its own three and both inns: the other Tall Bridge may not come.
    const auto whole = sample(set, {.paragraphs = 5, .seed = seed});
    EXPECT_THAT(text(*whole), testing::Not(HasSubstr("Another text")));
    expect_evidence(*whole);
  }
  expect_error([&] { sample(set, {.paragraphs = 6}); }, "from 3 to 5", ErrorKind::kUsage);
  expect_error([&] { sample(set, {.paragraphs = 1}); }, "from 2 to 5", ErrorKind::kUsage);
  expect_error([&] { sample(set, {.tokens = 100'000}); }, "--distractors", ErrorKind::kUsage);
  expect_error([&] { sample(set, {.index = 2}); }, "rows 0 to 1", ErrorKind::kUsage);
}

TEST_F(DataSets, LengthIsExactAndPlacesFollowTheSeed) {
  std::string lines;
  for (int i = 0; i < 400; ++i) {
    lines += R"({"title":"T)" + std::to_string(i) +
             R"(","text":"Some text of a paragraph."})"
             "\n";
  }
  const DataSet set = read(kHotpot, {folder_.write("more.jsonl", lines)});
  for (const std::int64_t tokens : {300, 1000, 5000}) {
    const auto one = sample(set, {.tokens = tokens, .seed = 1});
    const std::string document = text(*one);
    // A byte is a token; a paragraph has at most 37 with its heading ("# T399", 2 + 25 + 2).
    EXPECT_EQ(one->row().tokens, static_cast<std::int64_t>(document.size()));
    EXPECT_LE(one->row().tokens, tokens);
    EXPECT_GT(one->row().tokens, tokens - 60);
    expect_evidence(*one);
    EXPECT_EQ(document, text(*sample(set, {.tokens = tokens, .seed = 1})));
    EXPECT_NE(document, text(*sample(set, {.tokens = tokens, .seed = 2})));
  }
}

TEST_F(DataSets, SquadAnswersAreFoundByCharacter) {
  const DataSet set = read(R"({"version":"v2.0","data":[{"title":"Caf\u00e9","paragraphs":[
    {"context":"Caf\u00e9s sell tea. The caf\u00e9 Ola sells 12 cakes. It is open.","qas":[
      {"id":"s1","question":"How many cakes?","is_impossible":false,
       "answers":[{"text":"12 cakes","answer_start":35},{"text":"12","answer_start":35}]},
      {"id":"s2","question":"How many pies?","is_impossible":true,"answers":[]}]}]}]})");
  EXPECT_EQ(set.task->name(), "squad");
  ASSERT_EQ(set.task->size(), 2);
  const auto first = sample(set, {});
  EXPECT_THAT(first->row().answers, ElementsAre("12 cakes", "12"));
  ASSERT_EQ(first->row().evidence.size(), 1U);
  // "Cafés sell tea. " is 16 characters and "The café Ola sells " 19: 35.
  EXPECT_EQ(first->row().evidence[0].text, "The caf\xC3\xA9 Ola sells 12 cakes.");
  expect_evidence(*first);
  const auto second = sample(set, {.index = 1});
  EXPECT_THAT(second->row().question, HasSubstr("say \"not stated\""));
  EXPECT_EQ(second->row().answers[0], "not stated");
}

// Version 1.1 knows no unanswerable questions, and so no field that says so.
TEST_F(DataSets, SquadOfTheFirstVersion) {
  const DataSet set = read(R"({"version":"1.1","data":[
    {"title":"Inns","paragraphs":[{"context":"The Red Inn has 9 rooms.","qas":[
      {"id":"a","question":"How many rooms?","answers":[{"text":"9","answer_start":16}]}]}]},
    {"title":"Hills","paragraphs":[{"context":"Low Hill is low. High Hill is high.","qas":[
      {"id":"b","question":"Which is high?","answers":[{"text":"High Hill","answer_start":17}]},
      {"id":"c","question":"Which is low?","answers":[{"text":"Low Hill","answer_start":0}]}]}]}]})");
  ASSERT_EQ(set.task->size(), 3);
  EXPECT_EQ(sample(set, {})->row().question, "How many rooms?");
  EXPECT_EQ(sample(set, {.index = 1})->row().evidence[0].text, "High Hill is high.");
  EXPECT_EQ(sample(set, {.index = 2})->row().evidence[0].text, "Low Hill is low.");
  for (std::int64_t i = 0; i < 3; ++i) expect_evidence(*sample(set, {.index = i}));
}

// HotpotQA's form with chains of evidence beside it, and sentences that begin with no space.
TEST_F(DataSets, TwoWikiRowsAreHotpotRowsWithTheirSentencesApart) {
  const DataSet set = read(R"([{"_id":"w1","type":"compositional",
    "question":"Who is the mother of the director of Grey Film?","answer":"Eva Lind",
    "context":[["Grey Film",["Grey Film is a film.","It was directed by Per Lind."]],
               ["Per Lind",["Per Lind is the son of Eva Lind."]],
               ["Red Film",["Red Film is a film."]]],
    "supporting_facts":[["Grey Film",1],["Per Lind",0]],
    "evidences":[["Grey Film","director","Per Lind"],["Per Lind","mother","Eva Lind"]]}])");
  EXPECT_EQ(set.task->name(), "2wikimultihopqa");
  const auto only = sample(set, {});
  ASSERT_EQ(only->row().evidence.size(), 2U);
  EXPECT_THAT(text(*only), HasSubstr("Grey Film is a film. It was directed by Per Lind."));
  std::vector<std::string> facts;
  for (const Evidence& fact : only->row().evidence) facts.push_back(fact.text);
  EXPECT_THAT(facts, testing::UnorderedElementsAre("It was directed by Per Lind.",
                                                   "Per Lind is the son of Eva Lind."));
  expect_evidence(*only);
}

TEST_F(DataSets, MusiqueStepsAreHops) {
  const DataSet set = read(
      R"({"id":"2hop__1_2","question":"Who leads the maker of Zed?","answer":"Bo Ek","answer_aliases":["B. Ek"],"answerable":true,"paragraphs":[{"idx":0,"title":"Zed","paragraph_text":"Zed is made by Acme.","is_supporting":true},{"idx":1,"title":"Why","paragraph_text":"Why not.","is_supporting":false},{"idx":2,"title":"Acme","paragraph_text":"Acme is led by Bo Ek.","is_supporting":true}],"question_decomposition":[{"id":1,"question":"Zed >> maker","answer":"Acme","paragraph_support_idx":0},{"id":2,"question":"#1 >> leader","answer":"Bo Ek","paragraph_support_idx":2}]})"
      "\n");
  EXPECT_EQ(set.task->name(), "musique");
  const auto only = sample(set, {});
  EXPECT_THAT(only->row().answers, ElementsAre("Bo Ek", "B. Ek"));
  ASSERT_EQ(only->row().evidence.size(), 2U);
  EXPECT_EQ(only->row().evidence[1].hop, 1);
  EXPECT_THAT(only->row().evidence[0].values, ElementsAre("Acme"));
  expect_evidence(*only);
}

// The full set has each question twice, once without a paragraph that it needs: the steps that are
// left without one have no place.
TEST_F(DataSets, MusiqueRowsWithoutAnAnswer) {
  const DataSet set = read(
      R"({"id":"2hop__1_2","question":"Who leads the maker of Zed?","answer":"Bo Ek","answer_aliases":[],"answerable":false,"paragraphs":[{"idx":0,"title":"Zed","paragraph_text":"Zed is made by Acme.","is_supporting":true},{"idx":1,"title":"Why","paragraph_text":"Why not.","is_supporting":false}],"question_decomposition":[{"id":1,"question":"Zed >> maker","answer":"Acme","paragraph_support_idx":0},{"id":2,"question":"#1 >> leader","answer":"Bo Ek","paragraph_support_idx":null}]})"
      "\n");
  EXPECT_TRUE(set.warnings.empty());
  const auto only = sample(set, {});
  EXPECT_EQ(only->row().answers[0], "not stated");
  EXPECT_THAT(only->row().question, HasSubstr("say \"not stated\""));
  ASSERT_EQ(only->row().evidence.size(), 1U);
  EXPECT_EQ(only->row().evidence[0].text, "Zed is made by Acme.");
}

// RULER's question answering is right with any of the outputs, its other tasks with all; where the
// last line asks nothing, the whole prompt is the document.
TEST_F(DataSets, RulerRowsOfEveryKind) {
  const DataSet set = read(
      R"({"index":0,"input":"Answer the question based on the given documents. Only give me the answer.\n\nDocument 1:\nThe inn is in Aby.\n\nQuestion: Where is the inn?","outputs":["Aby","Aby town"],"length":40})"
      "\n"
      R"({"index":1,"input":"Below is a list of words. Say the ones that are said most.\nelm oak elm elm fir\nThe words are:","outputs":["elm"],"length":20})"
      "\n");
  const auto qa = sample(set, {});
  EXPECT_EQ(qa->row().question, "Question: Where is the inn?");
  EXPECT_EQ(qa->row().match, Match::kAny);
  EXPECT_THAT(text(*qa), testing::EndsWith("The inn is in Aby."));
  const auto words = sample(set, {.index = 1});
  EXPECT_EQ(words->row().question, "Do what the text asks for.");
  EXPECT_EQ(words->row().match, Match::kAll);
  EXPECT_THAT(text(*words), HasSubstr("said most.\nelm oak"));
}

TEST_F(DataSets, TaskFilesKeepWhatMustNotBeAnswered) {
  const DataSet set = read(
      R"({"id":"a","question":"Which is older?","answers":["Elm"],"rejected":["Oak"],"context":"Elm: 9. Oak: 8."})");
  EXPECT_THAT(sample(set, {})->row().rejected, ElementsAre("Oak"));
}

TEST_F(DataSets, LongDocumentsStayAsTheyAre) {
  const DataSet ruler = read(
      R"({"index":7,"input":"Remember the number.\nThe number is 42.\nWhat is the number? The number is","outputs":["42"],"length":30})");
  const auto needle = sample(ruler, {});
  EXPECT_EQ(needle->row().id, "7");
  EXPECT_EQ(needle->row().question, "What is the number? The number is");
  EXPECT_EQ(needle->row().match, Match::kAll);
  EXPECT_EQ(text(*needle), "Remember the number.\nThe number is 42.");
  EXPECT_EQ(needle->row().tokens, 38);  // 20 + 1 + 17 bytes
  expect_error([&] { sample(ruler, {.tokens = 37}); }, "38 tokens", ErrorKind::kUsage);

  const DataSet babi = read(
      R"([{"input":"Ann is in the hall.","question":"Where is Ann? ","target":"hall"},
          {"input":"Bob left.","question":"Where is Ann? ","target":"garden"}])");
  EXPECT_EQ(babi.task->name(), "babilong");
  EXPECT_EQ(sample(babi, {})->row().id, "set-1");
  ASSERT_EQ(babi.warnings.size(), 1U);
  EXPECT_THAT(babi.warnings[0], HasSubstr("row 2: set-2: none of its answers"));

  const DataSet carried = read(
      R"([{"input":"Ann took the milk and the apple.","question":"What does Ann carry?","target":"milk,apple"},
          {"input":"Go n, then w.","question":"How?","target":"n,w"}])");
  EXPECT_THAT(sample(carried, {})->row().answers, ElementsAre("milk", "apple"));
  EXPECT_EQ(sample(carried, {})->row().match, Match::kAll);
  EXPECT_THAT(sample(carried, {.index = 1})->row().answers, ElementsAre("n,w"));

  const DataSet bench =
      read(R"({"input":"Who?","context":"Me.","answers":["Me"],"dataset":"narrative","_id":"x"})");
  EXPECT_EQ(bench.task->name(), "narrative");

  const DataSet own = read(
      R"({"id":"a","task":"t","question":"Q?","answers":["B"],"match":"all","tokens":3,"evidence":[{"text":"B","byte_begin":2,"byte_end":3,"values":["B"],"note":"B","hop":0}],"context":"A B C"})");
  const auto row = sample(own, {});
  EXPECT_EQ(row->row().task, "t");
  EXPECT_EQ(row->row().match, Match::kAll);
  expect_evidence(*row);

  // A generated row without an answer says so, and is nothing to be warned of.
  nlohmann::json none = {
      {"id", "a"}, {"task", "t"}, {"question", "Q?"}, {"match", "any"}, {"context", "A B"}};
  none["answers"] = world::no_answer_spellings();
  EXPECT_THAT(read(none.dump()).warnings, testing::IsEmpty());
  none["answers"].push_back("C");
  EXPECT_THAT(read(none.dump()).warnings, testing::SizeIs(1));
}

// A short row of many tokens was found when it was its turn, which ended the whole evaluation.
TEST_F(DataSets, TheLengthARowNeedsIsOfTokensNotBytes) {
  nlohmann::json rows = nlohmann::json::array();
  const auto add = [&rows](const std::string& text) {
    const std::string id = "row " + std::to_string(rows.size());
    rows.push_back({{"_id", id}, {"input", "Q?"}, {"context", text}, {"answers", {"A"}}});
  };
  for (int i = 0; i < 20; ++i) add(std::string(300, 'a'));  // 100 tokens each
  add(std::string(200, '7'));
  const DataSet set = read(rows.dump());
  const auto tokenizer = estimating_tokenizer();
  EXPECT_EQ(set.task->fewest_tokens(*tokenizer), 200);
  EXPECT_EQ(set.task->sample({.tokens = 200, .index = 20}, tokenizer)->row().tokens, 200);
}

TEST_F(DataSets, FaultsNameFileRowAndField) {
  expect_bad("", "holds no rows");
  expect_bad("[]", "holds no rows");
  expect_bad("hello", "is not a data set");
  expect_bad(R"([{"a":1}])", "row 1: its fields are of no data set");
  expect_bad(R"([{"question":"Q?","context":[]}])", "set.json: row 1: field id is missing");
  expect_bad(R"([{"_id":"a","question":7,"context":[]}])", "field question must be a string");
  expect_bad(R"([{"_id":"a","question":"Q?","answer":"A","context":[["T"]]}])", "field context");
  expect_bad(
      R"([{"_id":"a","question":"Q?","answer":"A","context":[["T",["A."]]],"supporting_facts":[["U",0]]}])",
      "titles that the context has");
  expect_bad(R"({"question":"Q?","answers":[],"documents":[{"title":"T","text":"x"}]})",
             "no answer");
  // Rows with nothing to read were taken.
  expect_bad(
      R"([{"_id":"a","input":"Q?","context":"A","answers":["A"]},{"_id":"b","input":"Q?","context":"","answers":["A"]}])",
      "set.json: row 2: b: has no text");
  expect_bad(R"([{"_id":"a","input":"Q?","context":" \n","answers":["A"]}])", "no text");
  expect_bad(R"({"question":"Q?","answers":["T"],"documents":[{"title":"T","text":""}]})",
             "no text");
  const std::string row =
      R"({"id":"a","question":"Q?","answers":["x"],"documents":[{"title":"T","text":"x"}]})";
  expect_bad(row + "\n\n" + row + "\n", "line 3: id a is that of an earlier row");
  expect_bad(row + "\n{\"id\":", "line 2: is not JSON");
  expect_bad("[" + row + " " + row + "]", "expected a comma after row 1");
  expect_bad(row + "\n" + std::string(100'000, '['), "line 2");
  expect_bad("[" + row + "," + std::string(100, '[') + std::string(100, ']') + "]",
             "row 2: nested deeper");
}

// Cut anywhere before its closing bracket, the file is refused in one line.
TEST_F(DataSets, CutFilesAreRefused) {
  const std::string whole = kHotpot;
  for (std::size_t bytes = 0; bytes + 1 < whole.size(); ++bytes) {
    EXPECT_FALSE(accepted([&] { read(whole.substr(0, bytes)); })) << bytes;
  }
  EXPECT_TRUE(accepted([&] { read(whole); }));
}

TEST_F(DataSets, RealRowsPaddedToAnyLength) {
  const std::string data = SHARED_DATA;
  if (!std::filesystem::exists(data + "/wiki2/paragraphs.jsonl")) {
    GTEST_SKIP() << "no real rows at " << data;
  }
  const DataSet dev =
      read_data_set({data + "/hotpotqa/dev.jsonl", {data + "/wiki2/paragraphs.jsonl"}});
  ASSERT_EQ(dev.task->size(), 50);
  for (const std::int64_t tokens : {8 << 10, 64 << 10}) {
    for (const std::int64_t index : {0, 4, 49}) {
      const auto row = dev.task->sample({.tokens = tokens, .index = index}, estimating_tokenizer());
      expect_evidence(*row);
      EXPECT_EQ(row->row().tokens,
                static_cast<std::int64_t>(estimating_tokenizer()->encode(text(*row)).size()));
      EXPECT_LE(row->row().tokens, tokens);
      EXPECT_GT(row->row().tokens, tokens - 1500);  // less than one paragraph
    }
  }
  for (const char* name : {"/hotpotqa/train.jsonl", "/musique/train.jsonl"}) {
    const DataSet set = read_data_set({data + name, {}});
    ASSERT_EQ(set.task->size(), 100);
    for (std::int64_t i = 0; i < 100; ++i) expect_evidence(*sample(set, {.index = i}));
  }
}

}  // namespace
}  // namespace memagent
