// `memagent synth` as its users run it: lines that another parser reads, the same bytes however
// they are asked for, and one line with the right exit code for everything that cannot be done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run_program.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string synth(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"synth", "--quiet"});
  const RunResult result = run_memagent(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  return result.output;
}

TEST(Synth, WritesALineARow) {
  const std::string output =
      synth({"--task", "niah_multivalue,cwe", "--tokens", "4K", "--count", "2", "--seed", "5"});
  const std::vector<std::string> lines = lines_of(output);
  ASSERT_EQ(lines.size(), 4U);
  std::vector<std::string> ids;
  for (const std::string& line : lines) {
    const json row = json::parse(line);
    ids.push_back(row["id"]);
    EXPECT_EQ(row["match"], "all");
    EXPECT_LE(row["tokens"], 4096);
    EXPECT_GT(row["tokens"], 4000);
    const std::string context = row["context"];
    EXPECT_EQ(row["document_bytes"], context.size());
    for (const json& answer : row["answers"]) EXPECT_THAT(context, HasSubstr(answer));
    for (const json& fact : row["evidence"]) {
      const std::size_t begin = fact["byte_begin"];
      EXPECT_EQ(context.substr(begin, fact["byte_end"].get<std::size_t>() - begin), fact["text"]);
    }
  }
  EXPECT_THAT(ids,
              testing::ElementsAre("niah_multivalue-test-5-4096-0", "niah_multivalue-test-5-4096-1",
                                   "cwe-test-5-4096-0", "cwe-test-5-4096-1"));
}

TEST(Synth, GivesTheSameBytesAloneAndAmongOthersAndInAFile) {
  const ScratchFolder folder;
  const std::vector<std::string> base = {"--task", "niah_single_2", "--tokens", "9000"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  const std::string both = synth(with({"--count", "2"}));
  EXPECT_EQ(synth(with({})) + synth(with({"--first", "1"})), both);
  EXPECT_EQ(synth(with({"--count", "2", "--out", folder / "rows"})), "");
  EXPECT_EQ(read_file(folder / "rows"), both);
  EXPECT_NE(synth(with({"--count", "2", "--split", "train"})), both);
  EXPECT_EQ(synth(with({"--text"})), json::parse(lines_of(both)[0])["context"]);
}

TEST(Synth, HidesNeedlesInAFileOfTheUsers) {
  const ScratchFolder folder;
  write_file(folder / "essay",
             "First sentence here. Is this the second? It is!\n\nA title\nLast \xFF.");
  const std::string text = synth(
      {"--task", "niah_single_2", "--tokens", "2K", "--text", "--haystack", folder / "essay"});
  EXPECT_THAT(text, HasSubstr("First sentence here. Is this the second? It is!\n\nA title\n"));
  EXPECT_THAT(text, HasSubstr("Last \xEF\xBF\xBD.\nFirst sentence here. "));
  EXPECT_THAT(text, HasSubstr("The number entered for "));
}

TEST(Synth, SaysHowTokensWereCountedAndWhatWasWritten) {
  const RunResult result = run_memagent({"synth", "--task", "vt", "--tokens", "1K", "--text"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("tokens are estimated"));
  EXPECT_THAT(result.errors, HasSubstr("memagent: wrote a document: 1,0"));
}

TEST(Synth, ListsItsTasks) {
  const RunResult result = run_memagent({"synth", "--list"});
  EXPECT_EQ(result.exit_code, 0);
  for (const char* name : {"niah_single_1", "niah_multiquery", "vt", "cwe", "fwe"}) {
    EXPECT_THAT(lines_of(result.output), testing::Contains(testing::StartsWith(name)));
  }
  // The longest name stands apart from what it is, too.
  EXPECT_THAT(result.output, HasSubstr("world_bridge_comparison  what two things"));
}

struct Fault {
  std::vector<std::string> arguments;
  int exit_code;
  const char* message;
};

TEST(Synth, FaultsAreOneLineAndAnExitCode) {
  const ScratchFolder folder;
  write_file(folder / "blank", " \n \n");
  write_file(folder / "not-a-tokenizer", "hello");
  for (const Fault& fault : std::vector<Fault>{
           {{"--tokens", "8K"}, 2, "no task"},
           {{"--task", "vt"}, 2, "no length"},
           {{"--task", "vt", "--tokens", "many"}, 2, "--tokens: 'many' is not a number: write"},
           {{"--task", "vt", "--tokens", "8K", "--count", "0"}, 2, "--count"},
           // Was taken for 2^64-1.
           {{"--task", "vt", "--tokens", "8K", "--seed", "18446744073709551616"}, 2, "--seed"},
           {{"--task", "vt", "--tokens", "8K", "--seed", "abc"}, 2, "--seed: 'abc' is not"},
           {{"--task", "vt", "--tokens", "8K", "--first", "-1"}, 2, "--first"},
           // Was taken for 2^63-1.
           {{"--task", "vt", "--tokens", "8K", "--first", "18446744073709551615"}, 2, "--first"},
           {{"--task", "vt", "--tokens", "8K", "--count", "18446744073709551615"}, 2, "--count"},
           // The second row's number overflowed.
           {{"--task", "vt", "--tokens", "8K", "--first", "9223372036854775807", "--count", "2"},
            2,
            "--first"},
           {{"--task", "vt", "--tokens", "8K", "--split", "dev"}, 2, "choose train or test"},
           {{"--task", "vt", "--tokens", "8K", "--text", "--count", "2"}, 2, "one document"},
           {{"--task", "vt", "--paragraphs", "50"}, 2, "not made of paragraphs"},
           {{"--task", "qa_1", "--tokens", "8K", "--paragraphs", "50"}, 2, "give one of them"},
           {{"--task", "vtt", "--tokens", "8K"}, 2, "did you mean vt"},
           {{"--task", "vt", "--tokens", "10"}, 2, "vt: 10 tokens are too few: it needs at least"},
           {{"--task", "vt", "--tokens", "999999999M"}, 2, "too many"},
           {{"--task", "vt", "--tokens", "8K", "--haystack", folder / "none"}, 3, "none"},
           {{"--task", "vt", "--tokens", "8K", "--haystack", folder / "blank"}, 3, "has no text"},
           {{"--task", "vt", "--tokens", "8K", "--tokenizer", folder / "not-a-tokenizer"},
            3,
            "not-a-tokenizer"},
           {{"--task", "vt", "--tokens", "8K", "--out", folder / "no/such/folder"}, 3, "no/such"},
       }) {
    std::vector<std::string> arguments = {"synth", "--quiet"};
    arguments.insert(arguments.end(), fault.arguments.begin(), fault.arguments.end());
    const RunResult result = run_memagent(arguments);
    EXPECT_EQ(result.exit_code, fault.exit_code) << result.errors;
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr(fault.message));
    EXPECT_EQ(lines_of(result.errors).size(), 1U) << result.errors;
  }
}

// Each task named its own, or one row's, some after rows of others had been written.
TEST(Synth, TheLengthItNamesWillDo) {
  for (const std::string tasks : {"all", "qa_2", "world_bridge_2,vt"}) {
    const std::vector<std::string> base = {"--task", tasks, "--count", "6"};
    const auto with = [&](const std::string& tokens) {
      std::vector<std::string> arguments = {"synth", "--quiet", "--tokens", tokens};
      arguments.insert(arguments.end(), base.begin(), base.end());
      return arguments;
    };
    const RunResult refused = run_memagent(with("250"));
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_EQ(refused.output, "");
    const std::string words = "250 tokens are too few: it needs at least ";
    const std::size_t at = refused.errors.find(words);
    ASSERT_NE(at, std::string::npos) << refused.errors;
    const std::int64_t least = std::stoll(refused.errors.substr(at + words.size()));
    EXPECT_EQ(run_memagent(with(std::to_string(least))).exit_code, 0) << tasks;
    EXPECT_EQ(run_memagent(with(std::to_string(least - 1))).exit_code, 2) << tasks;
  }
}

TEST(Synth, NothingIsWrittenOverWhatIsRead) {
  const ScratchFolder folder;
  const std::string essay = folder / "essay";
  const std::string text = "First sentence here. Is this the second? It is!\n";
  write_file(essay, text);
  std::filesystem::create_symlink(essay, folder / "link");
  for (const char* flag : {"--haystack", "--tokenizer", "--model"}) {
    for (const std::string& out : {essay, folder / "./essay", folder / "link"}) {
      const RunResult result =
          run_memagent({"synth", "--task", "vt", "--tokens", "2K", flag, essay, "-o", out});
      EXPECT_EQ(result.exit_code, 2);
      EXPECT_EQ(result.errors, "memagent: --out: " + out + ": is " + flag + " " + essay +
                                   ", which is read: choose another file\n");
    }
  }
  EXPECT_EQ(read_file(essay), text);
}

// Told of a broken pipe. As of other programs that `head` has had enough of, nothing is said.
TEST(Synth, AReaderThatGoesEndsItQuietly) {
  const ScratchFolder folder;
  const std::string line = "(\"" MEMAGENT_BINARY_DIR
                           "/memagent\" synth --quiet --task vt --tokens 2M --text; echo $? >" +
                           (folder / "code") + ") 2>" + (folder / "errors") + " | head -c 10 >" +
                           (folder / "out");
  ASSERT_EQ(std::system(line.c_str()), 0);
  EXPECT_EQ(read_file(folder / "out").size(), 10U);
  EXPECT_EQ(read_file(folder / "errors"), "");
  EXPECT_EQ(read_file(folder / "code"), "141\n");  // 128 and SIGPIPE
}

TEST(Synth, AFullDiskLeavesNothingBehind) {
  const ScratchFolder folder;
  const RunResult result =
      run_memagent({"synth", "--quiet", "--task", "vt", "--tokens", "2M", "--out", folder / "rows"},
                   {.file_bytes_limit = 100000});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.errors, HasSubstr("rows"));
  EXPECT_EQ(lines_of(result.errors).size(), 1U) << result.errors;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace memagent
