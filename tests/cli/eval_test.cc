// `memagent eval` as its users run it: reports, resuming after full disks, interrupts and kills,
// errors of one line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/ask_support.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// Two tasks, 12 rows, a second or so.
std::vector<std::string> tiny_eval(const std::vector<std::string>& more,
                                   const std::string& samples = "3") {
  std::vector<std::string> arguments = {"eval",
                                        "--model",
                                        tiny_model(),
                                        "--tasks",
                                        "niah_single_1,qa_1",
                                        "--samples",
                                        samples,
                                        "--lengths",
                                        "1500",
                                        "--method",
                                        "memory,truncate",
                                        "--section-tokens",
                                        "512",
                                        "--memory-tokens",
                                        "24",
                                        "--output-tokens",
                                        "8",
                                        "--question-tokens",
                                        "128",
                                        "--threads",
                                        "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// What has to be the same however often a run was stopped: everything but time, and what a cache
// happened to hold.
json comparable(json report) {
  for (const char* key : {"date", "seconds"}) report.erase(key);
  for (const char* list : {"cells", "rows"}) {
    for (json& one : report[list]) {
      one.erase("seconds");
      one.erase("cached_prompt_tokens");
    }
  }
  return report;
}

class EvalTest : public testing::Test {
 protected:
  json report_of(const std::vector<std::string>& more, const std::string& samples = "3") {
    const std::string path = folder_ / "report.json";
    std::vector<std::string> flags = {"--json", path};
    flags.insert(flags.end(), more.begin(), more.end());
    const RunResult result = run_memagent(tiny_eval(flags, samples));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return json::parse(read_file(path));
  }
  const json& unbroken() {
    if (unbroken_.is_null()) unbroken_ = comparable(report_of({}));
    return unbroken_;
  }
  static void expect_error(const std::vector<std::string>& arguments, int exit_code,
                           const std::string& part) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const RunResult result = run_memagent(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.errors;
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    EXPECT_THAT(result.errors, AllOf(testing::StartsWith("memagent: "), HasSubstr(part)));
  }

  ScratchFolder folder_;
  std::string out_ = folder_ / "run";

 private:
  json unbroken_;
};

TEST_F(EvalTest, Report) {
  const json report = report_of({"--traces", "all"});
  EXPECT_EQ(report["methods"], (std::vector<std::string>{"memory", "truncate"}));
  EXPECT_EQ(report["lengths"], std::vector{1500});
  EXPECT_EQ(report["settings"]["section_tokens"], 512);
  EXPECT_EQ(report["settings"]["samples"], 3);
  ASSERT_EQ(report["cells"].size(), 4U);
  ASSERT_EQ(report["rows"].size(), 12U);
  for (const json& cell : report["cells"]) {
    EXPECT_EQ(cell["n"], 3);
    EXPECT_LE(cell["ci_low"], cell["score"]);
    EXPECT_GE(cell["ci_high"], cell["score"]);
    EXPECT_LE(cell["tokens"], 1500);
    EXPECT_GT(cell["seconds"], 0.0);
  }
  for (const json& row : report["rows"]) {
    EXPECT_EQ(row.contains("trace"), row["method"] == "memory");
    EXPECT_EQ(row["sections"], row["method"] == "memory" ? row["trace"].size() : 0U);
  }
}

TEST_F(EvalTest, TableOnStandardOutput) {
  const RunResult result = run_memagent(tiny_eval({"--quiet"}));
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  EXPECT_THAT(result.output, AllOf(HasSubstr("niah_single_1"), HasSubstr("average"),
                                   HasSubstr("6 rows: "), HasSubstr("memory less")));
}

// A disk that is full after so many bytes, then has room again: a torn line is dropped, finished
// rows stay, and the numbers are those of an unbroken run.
TEST_F(EvalTest, FullDisks) {
  for (const std::int64_t bytes : {700, 3000, 6000}) {
    const std::string out = folder_ / ("run" + std::to_string(bytes));
    const RunResult broken = run_memagent(tiny_eval({"--out", out}), {.file_bytes_limit = bytes});
    ASSERT_EQ(broken.exit_code, 3) << bytes << broken.errors;
    EXPECT_THAT(broken.errors, AllOf(HasSubstr("rows.jsonl: cannot be written"),
                                     HasSubstr("to go on, run the same command again")));
    const std::string left = read_file(out + "/rows.jsonl");
    EXPECT_FALSE(left.ends_with('\n')) << bytes;
    EXPECT_EQ(comparable(report_of({"--out", out})), unbroken()) << bytes;
    const std::string whole = read_file(out + "/rows.jsonl");
    const std::size_t finished = left.rfind('\n') + 1;
    EXPECT_EQ(whole.substr(0, finished), left.substr(0, finished));
    EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), 12);
  }
}

TEST_F(EvalTest, InterruptedAndKilled) {
  const auto has_a_row = [&] {
    std::error_code error;
    return std::filesystem::file_size(out_ + "/rows.jsonl", error) > 0 && !error;
  };
  for (const int signal : {SIGINT, SIGKILL}) {
    std::filesystem::remove_all(out_);
    // Long enough not to end by itself before the signal; the same rows are among them.
    RunningProgram program(tiny_eval({"--out", out_}, "2000"));
    ASSERT_TRUE(program.wait_until(has_a_row));
    program.send(signal);
    const RunResult result = program.wait();
    if (signal == SIGINT) {
      EXPECT_EQ(result.exit_code, 130) << result.errors;
      EXPECT_THAT(result.errors, AllOf(HasSubstr("interrupted: " + out_ + " keeps "),
                                       HasSubstr("of 8,000 rows: to go on, run the same command")));
    } else {
      EXPECT_EQ(result.signal, SIGKILL);
    }
    // Asked for fewer: those that are there are taken.
    EXPECT_EQ(comparable(report_of({"--out", out_})), unbroken());
  }
}

TEST_F(EvalTest, FinishedRowsAreNotRunAgain) {
  const json first = report_of({"--out", out_});
  const std::string rows = read_file(out_ + "/rows.jsonl");
  const json second = report_of({"--out", out_});
  EXPECT_EQ(second["rows"], first["rows"]);
  EXPECT_EQ(read_file(out_ + "/rows.jsonl"), rows);
  // More samples find the ones there are.
  const json more = report_of({"--out", out_}, "4");
  EXPECT_TRUE(read_file(out_ + "/rows.jsonl").starts_with(rows));
  EXPECT_EQ(more["rows"].size(), 16U);
  // And each length may have its own number, in whatever order lengths are given.
  const json each = report_of({"--out", out_, "--lengths", "1200"}, "2,1");  // of 1500 and 1200
  EXPECT_EQ(each["lengths"], (std::vector{1200, 1500}));
  EXPECT_EQ(each["settings"]["samples"], (std::vector{1, 2}));
  ASSERT_EQ(each["cells"].size(), 8U);
  for (const json& cell : each["cells"]) EXPECT_EQ(cell["n"], cell["length"] == 1200 ? 1 : 2);
  expect_error(tiny_eval({"--lengths", "1200,900"}, "2,1"), 2,
               "--samples: 2 numbers for 3 lengths: give one, or one for each");
  expect_error(tiny_eval({"--out", out_, "--seed", "5"}), 2, "seed was 0, now 5");
  expect_error(tiny_eval({"--out", out_, "--policy", "gated"}), 2,
               "policy was \"overwrite\", now \"gated\"");
}

TEST_F(EvalTest, DataSets) {
  const std::string data = folder_ / "data.jsonl";
  const std::string more = folder_ / "more.jsonl";
  std::string rows;
  std::string paragraphs;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "Keeper" + std::to_string(i);
    const json row = {{"id", "row-" + std::to_string(i)},
                      {"question", "Where does " + name + " live?"},
                      {"answers", {"Tarn" + std::to_string(i)}},
                      {"documents",
                       {{{"title", name},
                         {"text", name + " lives in " +
                                      (i == 3 ? "a town" : "Tarn" + std::to_string(i)) + "."}}}}};
    rows += row.dump() + "\n";
  }
  for (std::uint64_t i = 0; i < 40; ++i) {
    const json paragraph = {{"title", "Filler " + std::to_string(i)},
                            {"text", english(300, i + 1)}};
    paragraphs += paragraph.dump() + "\n";
  }
  write_file(data, rows);
  write_file(more, paragraphs);
  const std::string path = folder_ / "report.json";
  std::vector<std::string> arguments = {
      "eval", "--model",         tiny_model(), "--data",          data, "--distractors",
      more,   "--lengths",       "1K,2K",      "--samples",       "10", "--section-tokens",
      "512",  "--memory-tokens", "24",         "--output-tokens", "8",  "--question-tokens",
      "128",  "--json",          path,         "--out",           out_};
  const RunResult result = run_memagent(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  // The last row's answer stands nowhere.
  EXPECT_THAT(result.errors, AllOf(HasSubstr("row-3"), testing::Not(HasSubstr("row-2"))));
  const json report = json::parse(read_file(path));
  ASSERT_EQ(report["cells"].size(), 2U);
  for (const json& cell : report["cells"]) {
    EXPECT_EQ(cell["n"], 4);  // as many as there are
    EXPECT_LE(cell["tokens"], cell["length"]);
    EXPECT_GT(cell["tokens"], cell["length"].get<double>() / 2);
  }
  write_file(more, paragraphs + paragraphs.substr(0, paragraphs.find('\n') + 1));
  arguments.push_back("--quiet");  // no warnings beside the error
  expect_error(arguments, 2, "distractors was ");
}

// A name of the catalogue is the file that `memagent data fetch` leaves; before that it says how to
// get it.
TEST_F(EvalTest, DataSetsByName) {
  const std::string home = folder_ / "home";
  const std::string more = folder_ / "more.jsonl";
  std::string paragraphs;
  for (std::uint64_t i = 0; i < 30; ++i) {
    const json one = {{"title", "Filler " + std::to_string(i)}, {"text", english(300, i + 1)}};
    paragraphs += one.dump() + "\n";
  }
  write_file(more, paragraphs);
  const auto eval = [&](const std::string& name) {
    return run_memagent({"eval", "--model",          tiny_model(), "--data",
                         name,   "--distractors",    more,         "--lengths",
                         "1K",   "--section-tokens", "512",        "--memory-tokens",
                         "24",   "--output-tokens",  "8",          "--question-tokens",
                         "128",  "--json",           "-",          "--quiet"},
                        {.set = {{"XDG_DATA_HOME", home}}});
  };
  const RunResult missing = eval("squad-2.0-dev");
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_EQ(missing.errors,
            "memagent: --data: squad-2.0-dev is not here: memagent data fetch squad-2.0-dev gets "
            "it\n");

  const json question = {{"id", "q1"},
                         {"question", "How many rooms has the inn?"},
                         {"is_impossible", false},
                         {"answers", {{{"text", "9"}, {"answer_start", 12}}}}};
  const json paragraph = {{"context", "The inn has 9 rooms."}, {"qas", {question}}};
  const json article = {{"title", "Inn"}, {"paragraphs", {paragraph}}};
  const json file = {{"version", "v2.0"}, {"data", {article}}};
  const std::string data = home + "/memagent/data";
  std::filesystem::create_directories(data);
  write_file(data + "/dev-v2.0.json", file.dump());
  write_file(data + "/musique_v1.0.zip", "PK");
  const RunResult found = eval("squad-2.0-dev");
  ASSERT_EQ(found.exit_code, 0) << found.errors;
  EXPECT_EQ(json::parse(found.output)["rows"].at(0).at("id"), "q1");

  const RunResult archive = eval("musique");
  EXPECT_EQ(archive.exit_code, 2);
  EXPECT_THAT(archive.errors, HasSubstr("musique is an archive: unpack it"));
}

// The report took the place of what the run had read, or of the other report.
TEST_F(EvalTest, ReportsAreNotWrittenOverOtherFiles) {
  const std::string data = folder_ / "data.jsonl";
  const std::string row =
      R"({"id":"a","question":"Q?","answers":["x"],"documents":[{"title":"T","text":"x"}]})";
  write_file(data, row);
  std::filesystem::create_symlink(data, folder_ / "link");
  for (const char* output : {"--json", "--html"}) {
    const auto refused = [&](const std::vector<std::string>& more, const std::string& out,
                             const std::string& what) {
      std::vector<std::string> flags = {output, out};
      flags.insert(flags.end(), more.begin(), more.end());
      expect_error(tiny_eval(flags), 2,
                   std::string(output) + ": " + out + ": is " + what + ", which is read");
    };
    for (const std::string& out : {data, folder_ / "./data.jsonl", folder_ / "link"}) {
      refused({"--data", data}, out, "--data " + data);
    }
    refused({"--data", folder_ / "link", "--distractors", data}, data,
            "--data " + (folder_ / "link"));
    refused({"--haystack", data}, data, "--haystack " + data);
    refused({"--prompts", data}, data, "--prompts " + data);
    refused({}, tiny_model(), "--model " + tiny_model());
  }
  const std::string other = folder_ / "other.jsonl";
  write_file(other, R"({"title":"T","text":"y"})");
  expect_error(tiny_eval({"--data", data, "--distractors", other, "--json", other}), 2,
               "is --distractors " + other);
  const std::string both = folder_ / "report";
  expect_error(tiny_eval({"--json", both, "--html", folder_ / "./report"}), 2,
               "--html: " + (folder_ / "./report") + ": is --json " + both +
                   ", which is written, too: choose another file");
  EXPECT_FALSE(std::filesystem::exists(both));
  EXPECT_EQ(read_file(data), row);
}

TEST_F(EvalTest, Errors) {
  expect_error(tiny_eval({"--tasks", "niah_singel_1"}), 2, "did you mean niah_single_1");
  expect_error(tiny_eval({"--method", "guess"}), 2, "--method: unknown 'guess'");
  expect_error(tiny_eval({"--lengths", "long"}), 2,
               "--lengths: 'long' is not a number: write one such as 5000");
  expect_error(tiny_eval({"--lengths", "0"}), 2, "--lengths: ");
  expect_error(tiny_eval({"--lengths", "10"}), 2, "10 tokens are too few for niah_single_1");
  expect_error(tiny_eval({}, "0"), 2, "--samples");
  expect_error(tiny_eval({"--traces", "some"}), 2, "--traces: unknown 'some'");
  expect_error(tiny_eval({"--metric", "luck"}), 2, "--metric: unknown 'luck'");
  expect_error(tiny_eval({"--haystack", folder_ / "missing"}), 3, "missing");
  expect_error(tiny_eval({"--json", folder_ / "no/such/folder/report.json"}), 3, "report.json");
  expect_error(tiny_eval({"--data", folder_ / "missing"}), 3,
               "missing: is neither a file nor a data set's name: see memagent data list");
  expect_error(tiny_eval({"--distractors", "x"}), 2, "--distractors: ");
  // Nobody listens on port 1.
  expect_error({"eval", "--endpoint", "http://127.0.0.1:1/v1", "--tasks", "qa_1", "--attempts", "1",
                "--out", out_},
               4, "127.0.0.1:1");
}

}  // namespace
}  // namespace memagent
