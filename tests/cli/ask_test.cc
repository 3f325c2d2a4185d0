// `memagent ask` from outside: what it prints where, several questions, kinds of documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/ask_support.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::vector<json> json_lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

class AskTest : public testing::Test {
 protected:
  AskTest() { write_file(document_, english(1200)); }
  ScratchFolder folder_;
  std::string document_ = folder_ / "document.txt";
};

TEST_F(AskTest, AnswerToOutputAndTheRestToErrors) {
  const RunResult result = run_memagent(tiny_ask({"-q", "Who?", document_}));
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_FALSE(result.output.empty());
  EXPECT_EQ(result.output.back(), '\n');
  EXPECT_THAT(result.errors, HasSubstr("memagent: read "));
  EXPECT_THAT(result.errors, HasSubstr(" sections, "));
  EXPECT_THAT(result.errors, Not(HasSubstr("\r")));  // no bar where there is no terminal
  const RunResult quiet = run_memagent(tiny_ask({"-q", "Who?", document_, "--quiet"}));
  EXPECT_EQ(quiet.output, result.output);
  EXPECT_EQ(quiet.errors, "");
}

TEST_F(AskTest, JsonHasWhatProgramsNeed) {
  const std::string trace = folder_ / "trace.jsonl";
  const RunResult result =
      run_memagent(tiny_ask({"-q", "Who?", document_, "--json", "--trace", trace}));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  const json object = json::parse(result.output);
  const std::vector<json> lines = json_lines(read_file(trace));
  ASSERT_GT(lines.size(), 5U);
  const auto sections = static_cast<std::int64_t>(lines.size()) - 1;

  EXPECT_TRUE(object["answer"].is_string());
  EXPECT_EQ(object["answer"], lines.back()["response"]);
  EXPECT_EQ(object["memory"], lines.back()["memory"]);
  EXPECT_EQ(object["memory"], lines[lines.size() - 2]["memory"]);
  EXPECT_EQ(object["sections"], sections);
  EXPECT_GE(object["document_tokens"], (sections - 1) * 48);  // cut within the last eighth
  EXPECT_LE(object["document_tokens"], sections * 64);
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  for (const json& line : lines) {
    prompt_tokens += line["prompt_tokens"].get<std::int64_t>();
    generated_tokens += line["generated_tokens"].get<std::int64_t>();
  }
  EXPECT_EQ(object["prompt_tokens"], prompt_tokens);
  EXPECT_EQ(object["generated_tokens"], generated_tokens);
  EXPECT_GE(object["cached_prompt_tokens"], 0);
  EXPECT_GT(object["seconds"], 0.0);
  EXPECT_EQ(object["stopped_early"], false);
  EXPECT_TRUE(object["session"].is_null());
  EXPECT_EQ(object["question"], "Who?");
  EXPECT_EQ(object["document"], document_);
  EXPECT_EQ(object["settings"]["section_tokens"], 64);
  EXPECT_EQ(object["settings"]["policy"], "overwrite");
  ASSERT_EQ(object["answers"].size(), 1U);
  EXPECT_EQ(object["answers"][0]["answer"], object["answer"]);
}

TEST_F(AskTest, SeveralQuestionsAreAnsweredAsIfAlone) {
  const std::string file = folder_ / "questions.txt";
  write_file(file, "Where was the ledger?\r\n\nWhen did the storm come?\n");
  const RunResult result =
      run_memagent(tiny_ask({"-q", "Who?", "--questions", file, document_, "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const json object = json::parse(result.output);
  EXPECT_FALSE(object.contains("answer"));
  ASSERT_EQ(object["answers"].size(), 3U);
  std::int64_t generated = 0;
  for (const json& answer : object["answers"]) {
    const RunResult alone =
        run_memagent(tiny_ask({"-q", answer["question"].get<std::string>(), document_, "--json"}));
    const json other = json::parse(alone.output);
    EXPECT_EQ(answer["answer"], other["answer"]);
    EXPECT_EQ(answer["memory"], other["memory"]);
    EXPECT_EQ(object["document_tokens"], other["document_tokens"]);
    generated += other["generated_tokens"].get<std::int64_t>();
  }
  EXPECT_EQ(object["answers"][2]["question"], "When did the storm come?");
  EXPECT_EQ(object["generated_tokens"], generated);
  const RunResult text = run_memagent(tiny_ask({"-q", "Who?", "-q", "Why?", document_}));
  EXPECT_THAT(text.output, HasSubstr("1. Who?\n"));
  EXPECT_THAT(text.output, HasSubstr("\n2. Why?\n"));
}

TEST_F(AskTest, StandardInputIsTheSameDocument) {
  const RunResult file = run_memagent(tiny_ask({"-q", "Who?", document_}));
  const RunResult dash = run_memagent(tiny_ask({"-q", "Who?", "-"}), {.input = english(1200)});
  const RunResult none = run_memagent(tiny_ask({"-q", "Who?"}), {.input = english(1200)});
  EXPECT_EQ(file.exit_code, 0);
  EXPECT_EQ(dash.output, file.output);
  EXPECT_EQ(none.output, file.output);
  // Two passes need the document twice: a pipe is kept in a temporary file.
  const RunResult twice =
      run_memagent(tiny_ask({"-q", "Who?", "--passes", "2", "--json"}), {.input = english(1200)});
  ASSERT_EQ(twice.exit_code, 0) << twice.errors;
  const RunResult once = run_memagent(tiny_ask({"-q", "Who?", document_, "--json"}));
  EXPECT_EQ(json::parse(twice.output)["sections"].get<int>(),
            2 * json::parse(once.output)["sections"].get<int>());
}

TEST_F(AskTest, EmptyDocumentIsAnsweredFromNoMemory) {
  write_file(document_, "");
  const RunResult result = run_memagent(tiny_ask({"-q", "Who?", document_}));
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("the document is empty: answered from no memory"));
  const RunResult object = run_memagent(tiny_ask({"-q", "Who?", document_, "--json"}));
  EXPECT_EQ(json::parse(object.output)["sections"], 0);
}

TEST_F(AskTest, ListsOfDocuments) {
  const std::string list = folder_ / "list.jsonl";
  write_file(list,
             "{\"id\": 7, \"title\": \"Harbour\", \"text\": \"The bell rang twice.\"}\n\n"
             "{\"text\": \"Nobody heard \\u00e9 it.\"}\n");
  const RunResult result =
      run_memagent(tiny_ask({"-q", "Who?", "--documents", list, "--json", "--trace-prompts",
                             "--trace", folder_ / "trace"}));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_GT(json::parse(result.output)["document_tokens"], 10);
  for (const auto& [content, expected] : std::vector<std::pair<std::string, std::string>>{
           {"{\"title\": \"no text\"}\n", ":1: has no \"text\" string"},
           {"{\"text\": \"good\"}\nnonsense\n", ":2: is not JSON"},
           {"[]\n", ":1: is not an object"},
           {"{\"text\": \"a\", \"title\": 3}\n", ":1: \"title\" is no string"}}) {
    write_file(list, content);
    const RunResult bad = run_memagent(tiny_ask({"-q", "Who?", "--documents", list}));
    EXPECT_EQ(bad.exit_code, 3);
    EXPECT_THAT(bad.errors, HasSubstr("memagent: --documents: " + list + expected));
  }
}

// One byte that is not UTF-8 ended the reading, where in a file of text it is repaired and counted.
TEST_F(AskTest, InvalidUtf8InAListIsRepairedAndCounted) {
  const std::string list = folder_ / "list.jsonl";
  write_file(list, "{\"text\": \"The bell \xFF rang.\"}\n{\"text\": \"Tw\xC3ice.\"}\n");
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--session", "s", "--store", folder_ / "store"}}) {
    std::vector<std::string> arguments = tiny_ask({"-q", "Who?", "--documents", list, "--json"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const RunResult result = run_memagent(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(json::parse(result.output)["repaired_sequences"], 2);
  }
}

TEST_F(AskTest, AFileOfQuestionsMayBeginWithAByteOrderMark) {
  write_file(folder_ / "questions", "\xEF\xBB\xBFWho?\r\nWhere?\r\n");
  const RunResult result =
      run_memagent(tiny_ask({"--questions", folder_ / "questions", document_, "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const json answers = json::parse(result.output)["answers"];
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]["question"], "Who?");
}

// Where one document of a list ends and the next begins has to be seen, titled or not.
TEST_F(AskTest, DocumentsOfAListAreKeptApart) {
  write_file(folder_ / "one.jsonl", "{\"title\": \"Harbour\", \"text\": \"The bell rang.\"}\n");
  write_file(folder_ / "two.jsonl", "{\"text\": \"Nobody came.\"}\n{\"text\": \"It stopped.\"}");
  write_file(document_, "# Harbour\n\nThe bell rang.\n\nNobody came.\n\nIt stopped.");
  const auto trace_of = [&](const std::vector<std::string>& document) {
    std::vector<std::string> arguments =
        tiny_ask({"-q", "Who?", "--trace-prompts", "--trace", folder_ / "trace"});
    arguments.insert(arguments.end(), document.begin(), document.end());
    const RunResult result = run_memagent(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return read_file(folder_ / "trace");
  };
  const std::string expected = trace_of({document_});
  EXPECT_EQ(trace_of({"--documents", folder_ / "one.jsonl", "--documents", folder_ / "two.jsonl"}),
            expected);
}

// Opened once and read to its end: whoever writes into it notices nothing.
TEST_F(AskTest, NamedPipesAreDocuments) {
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto answer_from_pipe = [&](std::vector<std::string> more, const std::string& text) {
    std::thread writer([&] { write_file(pipe, text); });
    const RunResult result = run_memagent(tiny_ask(more));
    writer.join();
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  };
  const std::string expected = run_memagent(tiny_ask({"-q", "Who?", document_})).output;
  EXPECT_EQ(answer_from_pipe({"-q", "Who?", pipe}, english(1200)), expected);
  // A session reads its document twice.
  EXPECT_EQ(answer_from_pipe({"-q", "Who?", pipe, "--session", "s", "--store", folder_ / "store"},
                             english(1200)),
            expected);
  const std::string list = json{{"text", english(1200)}}.dump() + "\n";
  EXPECT_EQ(answer_from_pipe({"-q", "Who?", "--documents", pipe}, list), expected);
  EXPECT_EQ(run_memagent(tiny_ask({"-q", "Who?", "--documents", "-"}), {.input = list}).output,
            expected);
}

// The paper's way of cutting: every section but the last has exactly so many tokens.
TEST_F(AskTest, ExactCutsFillEverySection) {
  const auto report_of = [&](const std::string& cut) {
    const RunResult result =
        run_memagent(tiny_ask({"-q", "Who?", document_, "--cut", cut, "--json"}));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    const json report = json::parse(result.output);
    EXPECT_EQ(report["settings"]["cut"], cut);
    return report;
  };
  const json exact = report_of("exact");
  const auto tokens = exact["document_tokens"].get<std::int64_t>();
  EXPECT_GT(tokens, 5 * 64);
  EXPECT_EQ(exact["sections"], (tokens + 63) / 64);
  const json natural = report_of("natural");
  EXPECT_EQ(natural["document_tokens"], tokens);
  EXPECT_GT(natural["sections"], exact["sections"]);
}

// A run that is refused leaves what an earlier one wrote.
TEST_F(AskTest, ATraceIsReplacedOnlyByARunThatBegins) {
  const std::string trace = folder_ / "trace";
  ASSERT_EQ(run_memagent(tiny_ask({"-q", "Who?", document_, "--trace", trace})).exit_code, 0);
  const std::string before = read_file(trace);
  ASSERT_GT(before.size(), 1000U);
  EXPECT_EQ(run_memagent(tiny_ask({"-q", english(3000), document_, "--trace", trace})).exit_code,
            2);
  EXPECT_EQ(run_memagent({"ask", "--model", folder_ / "none.gguf", "-q", "Who?", document_,
                          "--trace", trace})
                .exit_code,
            3);
  EXPECT_EQ(read_file(trace), before);
  ASSERT_EQ(run_memagent(tiny_ask({"-q", "Who?", document_, "--trace", trace})).exit_code, 0);
  EXPECT_EQ(read_file(trace), before);
}

TEST_F(AskTest, WatchingMarksWhatChanged) {
  const RunResult result = run_memagent(tiny_ask({"-q", "Who?", document_, "--watch", "--quiet"}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("--- section 1, bytes 0 to "));
  EXPECT_THAT(result.errors, HasSubstr("{+"));
  EXPECT_THAT(result.errors, HasSubstr("[-"));
  EXPECT_EQ(result.output, run_memagent(tiny_ask({"-q", "Who?", document_})).output);
}

TEST_F(AskTest, SeedsDecideWhatIsDrawn) {
  const auto answer = [&](const std::string& seed, const std::string& in_flight) {
    return run_memagent(tiny_ask({"-q", "Who?", document_, "--temperature", "1", "--top-p", "0.9",
                                  "--seed", seed, "--max-in-flight", in_flight}))
        .output;
  };
  EXPECT_EQ(answer("5", "1"), answer("5", "8"));
  EXPECT_NE(answer("5", "1"), answer("6", "1"));
}

TEST_F(AskTest, LookaheadChangesNothingButTime) {
  const auto trace_with = [&](const std::string& lookahead) {
    const std::string trace = folder_ / ("trace" + lookahead);
    const RunResult result = run_memagent(tiny_ask({"-q", "Who?", document_, "--policy", "gated",
                                                    "--lookahead", lookahead, "--trace", trace}));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return read_file(trace);
  };
  EXPECT_EQ(trace_with("1"), trace_with("4"));
}

TEST_F(AskTest, BudgetsFollowASmallWindow) {
  write_file(document_, english(300));
  // An eighth each for question, memory and answer; the section gets what is left, up to 5/8.
  const RunResult result = run_memagent({"ask", "--model", tiny_model(), "--window-tokens", "1024",
                                         "-q", "Who?", document_, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const json settings = json::parse(result.output)["settings"];
  EXPECT_EQ(settings["question_tokens"], 128);
  EXPECT_EQ(settings["memory_tokens"], 128);
  EXPECT_EQ(settings["output_tokens"], 128);
  EXPECT_LE(settings["section_tokens"], 625);
  EXPECT_GT(settings["section_tokens"], 256);
}

}  // namespace
}  // namespace memagent
