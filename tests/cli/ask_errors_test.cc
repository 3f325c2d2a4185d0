// Everything a user can get wrong: each is one line on standard error and an exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/ask_support.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ErrorsTest : public testing::Test {
 protected:
  ErrorsTest() { write_file(document_, english(500)); }

  static void expect_failed(const RunResult& result, int exit_code, const std::string& part) {
    EXPECT_EQ(result.exit_code, exit_code) << result.errors << "signal " << result.signal;
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    EXPECT_EQ(result.errors.rfind("memagent: ", 0), 0U) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(part));
  }
  static void expect_error(const std::vector<std::string>& arguments, int exit_code,
                           const std::string& part) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    expect_failed(run_memagent(arguments), exit_code, part);
  }

  ScratchFolder folder_;
  std::string document_ = folder_ / "document.txt";
};

TEST_F(ErrorsTest, Usage) {
  expect_error({}, 2, "a command is needed: see memagent --help");
  expect_error({"frobnicate"}, 2, "unknown command 'frobnicate': see memagent --help");
  expect_error({"--frobnicate"}, 2, "unknown option '--frobnicate'");
  expect_error({"ask", "--frobnicate"}, 2, "ask: unknown option '--frobnicate'");
  expect_error({"sessions"}, 2, "sessions: a command is needed");
  expect_error({"sessions", "frob"}, 2, "sessions: unknown command 'frob'");
  expect_error({"sessions", "show"}, 2, "sessions show: name is required");
  expect_error({"model", "init", "nano"}, 2, "model init: file is required");
  expect_error({"model", "init", "enormous", folder_ / "m"}, 2, "enormous");
  expect_error({"model", "quantize", tiny_model(), folder_ / "m", "Q9_Z"}, 2, "Q9_Z");
  expect_error({"model", "quantize", tiny_model(), folder_ / "m", ""}, 2, "its value is empty");
  expect_error({"model", "note", tiny_model(), folder_ / "m"}, 2, "nothing to note");
  expect_error({"model", "note", tiny_model(), tiny_model(), "--section-tokens", "64"}, 2,
               "at once");
  expect_error({"model", "note", tiny_model(), folder_ / "m", "--section-tokens", "many"}, 2,
               "--section-tokens");
  expect_error({"model", "note", tiny_model(), folder_ / "m", "--section-tokens", "100K"}, 2,
               "more than the window");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "m"));
  expect_error({"bench", "--batch", "0"}, 2, "bench: --batch");
  expect_error(tiny_ask({document_}), 2, "no question");
  expect_error(tiny_ask({"-q"}), 2, "ask: --question: its value is missing: see memagent ask");
  expect_error({"ask", "-q", "Who?", "--threads", "many", document_}, 2,
               "ask: --threads: 'many' is not a number from 0 to 4096: see memagent ask --help");
  expect_error({"serve", "--port", "70000"}, 2, "'70000' is not a number from 0 to 65535");
  expect_error(tiny_ask({"-q", "Who?", "--model", "other", document_}), 2,
               "--model: given 2 times: give it once");
  expect_error(
      {"ask", "-q", "Who?", "--endpoint", "http://127.0.0.1:1/v1", "--model", "x", document_}, 2,
      "choose one");
  expect_error(
      {"ask", "-q", "Who?", "--endpoint", "http://127.0.0.1:1/v1", "--api", "smoke", document_}, 2,
      "--api: unknown 'smoke'");
}

// A trace written over what is read left nothing to read.
TEST_F(ErrorsTest, TraceIntoWhatIsRead) {
  const std::string link = folder_ / "link";
  fs::create_hard_link(document_, link);
  write_file(folder_ / "questions", "Who?\n");
  const auto expect_refused = [&](const std::vector<std::string>& more, const RunOptions& options) {
    expect_failed(run_memagent(tiny_ask(more), options), 2, "which is read: choose another file");
  };
  expect_refused({"-q", "Who?", "--trace", document_, document_}, {});
  expect_refused({"-q", "Who?", "--trace", link, document_}, {});
  expect_refused({"-q", "Who?", "--trace", document_, "--documents", document_}, {});
  expect_refused({"--questions", folder_ / "questions", "--trace", folder_ / "questions"}, {});
  EXPECT_EQ(read_file(document_), english(500));
  EXPECT_EQ(read_file(folder_ / "questions"), "Who?\n");
}

// The model was emptied, and then could not be read; so was the store of sessions.
TEST_F(ErrorsTest, TraceIntoTheModelOrTheStore) {
  const std::string model = folder_ / "model.gguf";
  fs::copy_file(tiny_model(), model);
  fs::create_symlink(model, folder_ / "link.gguf");
  const std::string model_before = read_file(model);
  const auto ask = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"ask", "-q", "Who?", document_, "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const std::string is_model = ": is --model " + model + ", which is read: choose another file";
  for (const std::string& trace : {model, folder_ / "./model.gguf", folder_ / "link.gguf"}) {
    expect_error(ask({"--model", model, "--trace", trace}), 2, "--trace: " + trace + is_model);
  }
  EXPECT_EQ(read_file(model), model_before);

  const std::string hub = folder_ / "hub";
  ASSERT_EQ(run_memagent({"model", "convert", model, hub}).exit_code, 0);
  const std::string weights = read_file(hub + "/model.safetensors");
  expect_error(ask({"--model", hub, "--trace", hub + "/model.safetensors"}), 2,
               "is --model " + hub + "/model.safetensors, which is read");
  EXPECT_EQ(read_file(hub + "/model.safetensors"), weights);

  // Before there is a store, too, and with a model that the session names.
  const std::string store = folder_ / "store";
  expect_error(tiny_ask({"-q", "Who?", document_, "--session", "s", "--store", store, "--trace",
                         folder_ / "./store"}),
               2, "is --store " + store + ", which is read");
  EXPECT_FALSE(fs::exists(store));
  ASSERT_EQ(run_memagent(ask({"--model", model, "--section-tokens", "64", "--memory-tokens", "12",
                              "--output-tokens", "6", "--session", "s", "--store", store}))
                .exit_code,
            0);
  const std::vector<std::string> again = {"ask", "--session", "s", "--store", store, "--trace"};
  for (const std::string& trace : {store, model}) {
    std::vector<std::string> arguments = again;
    arguments.push_back(trace);
    expect_error(arguments, 2, "--trace: " + trace + ": is ");
  }
  expect_failed(run_memagent({"ask", "--session", "s", "--trace", store},
                             {.set = {{"MEMAGENT_STORE", store}}}),
                2, "which is read");
  EXPECT_EQ(run_memagent({"sessions", "show", "s", "--store", store}).exit_code, 0);
  EXPECT_EQ(read_file(model), model_before);
}

TEST_F(ErrorsTest, AVocabularyIntoItsText) {
  fs::create_hard_link(document_, folder_ / "link");
  for (const std::string& out : {document_, folder_ / "link"}) {
    expect_error({"tokenizer", "train", document_, "-o", out}, 2,
                 "--output: " + out + ": is " + document_ + ", which is read");
  }
  EXPECT_EQ(read_file(document_), english(500));
}

// Was told to add a question, and a store was made to look into.
TEST_F(ErrorsTest, ASessionThatIsNotThere) {
  const std::string store = folder_ / "store";
  expect_error({"ask", "--session", "nosuch", "--store", store}, 2,
               "session 'nosuch': there is none of that name in " + store + ": to begin one");
  EXPECT_FALSE(fs::exists(store));
  ASSERT_EQ(
      run_memagent(tiny_ask({"-q", "Who?", document_, "--session", "there", "--store", store}))
          .exit_code,
      0);
  expect_error({"ask", "--session", "nosuch", "--store", store}, 2, "there is none of that name");
  expect_error({"ask", "--session", "nosuch", "--store", store, document_}, 2, "no question");
}

// Were files of strange names.
TEST_F(ErrorsTest, StoresOfOtherKinds) {
  expect_error({"sessions", "list", "--store", "mysql://me:secret@db/x"}, 2,
               "--store: mysql:// is no kind of store: name a file, or a database by postgres:// "
               "or postgresql://");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"sessions", "list"},
        {"worker"},
        {"serve"},
        tiny_ask({"-q", "Who?", document_, "--session", "s"})}) {
    SCOPED_TRACE(testing::PrintToString(command));
    expect_failed(run_memagent(command, {.set = {{"MEMAGENT_STORE", "http://x"}}}), 2,
                  "MEMAGENT_STORE: http:// is no kind of store");
  }
}

TEST_F(ErrorsTest, BlankQuestions) {
  for (const char* blank : {" ", " \t\n"}) {
    expect_error(tiny_ask({"-q", blank, document_}), 2, "--question: its value is blank");
    expect_error(tiny_ask({"-q", "Who?", "-q", blank, document_}), 2, "its value is blank");
  }
  write_file(folder_ / "blank", " \t\n\t\r\n");
  expect_error(tiny_ask({"--questions", folder_ / "blank", document_}), 3, "has no question");
}

// What only a server has was left out without a word, and the shipped model asked.
TEST_F(ErrorsTest, ServersFlagsWithoutAServer) {
  const std::vector<std::vector<std::string>> flags = {{"--model-name", "x"},
                                                       {"--api", "chat"},
                                                       {"--tokenizer", tiny_model()},
                                                       {"--request-fields", "{}"},
                                                       {"--ca-file", document_}};
  for (const auto& flag : flags) {
    expect_error(tiny_ask({"-q", "Who?", flag[0], flag[1], document_}), 2,
                 flag[0] + ": is of a server: add --endpoint URL");
    expect_error({"ask", "-q", "Who?", flag[0], flag[1], document_}, 2, "add --endpoint URL");
  }
  expect_error({"serve", "--model-name", "x"}, 2, "--model-name: is of a server");
}

// An empty value was taken for an option left out: no session was kept, a server asked no keys, and
// `--trace= FILE` wrote over the document.
TEST_F(ErrorsTest, EmptyValues) {
  expect_error(tiny_ask({"-q", "Who?", "--session", "", document_}), 2,
               "memagent: --session: its value is empty");
  expect_error(tiny_ask({"-q", "Who?", "--trace=", document_}), 2, "--trace: its value is empty");
  expect_error({"serve", "--model", tiny_model(), "--api-key-file", ""}, 2,
               "--api-key-file: its value is empty");
  expect_error({"eval", "--model", tiny_model(), "--tasks", "vt", "--out", ""}, 2,
               "--out: its value is empty");
}

// The exit code of a shell's command line in which $0 is memagent and $1, $2 ... are `arguments`.
int shell(const std::string& line, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), MEMAGENT_BINARY_DIR "/memagent");
  std::string command = "sh -c '" + line + "'";
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Ended the program with SIGABRT, and a server whose log had no room with it.
TEST_F(ErrorsTest, StandardErrorNeedNotBeWritable) {
  const std::string answer = folder_ / "answer";
  for (const std::string errors : {"2>/dev/full", "2>&-"}) {
    SCOPED_TRACE(errors);
    EXPECT_EQ(shell("\"$0\" \"$@\" " + errors, {"frobnicate"}), 2);
    for (const std::string watch : {"--watch", "--cut=exact"}) {
      EXPECT_EQ(shell("\"$0\" \"$@\" >" + answer + " " + errors,
                      tiny_ask({"-q", "Who?", "--session", "s", "--store",
                                folder_ / "store" + watch, watch, document_})),
                0);
      EXPECT_GT(fs::file_size(answer), 1U);
    }
  }
  // A closed standard output is one that cannot be written.
  EXPECT_EQ(shell("\"$0\" \"$@\" >&- 2>/dev/null", tiny_ask({"-q", "Who?", document_})), 3);
}

TEST_F(ErrorsTest, Settings) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--section-tokens", "8X"},
       "--section-tokens: '8X' is not a number: write one such as 5000"},
      {{"--section-tokens", "0"}, "section tokens"},
      {{"--memory-tokens", "0"}, "memory tokens"},
      {{"--section-tokens", "3G"}, "--section-tokens: 3G is too large"},
      {{"--section-tokens", "1M"}, "section tokens"},
      {{"--window-tokens", "1M"}, "--window-tokens"},
      {{"--window-tokens", "300"}, "window"},
      {{"--policy", "guess"}, "guess"},
      {{"--layout", "random"}, "random"},
      {{"--cut", "deep"}, "--cut: unknown 'deep': choose natural or exact"},
      {{"--chat-format", "morse"}, "morse"},
      {{"--chat-format", "llama3"}, "llama3"},  // the vocabulary lacks its control tokens
      {{"--temperature", "hot"}, "--temperature: 'hot' is not a number"},
      {{"--temperature", "nan"}, "--temperature"},
      {{"--top-p", "-1"}, "--top-p"},
      {{"--seed", "-1"}, "--seed: '-1' is not a whole number"},
      {{"--passes", "0"}, "passes"},
      {{"--lookahead", "0"}, "--lookahead"},
      {{"--prompts", folder_ / "none.toml"}, "none.toml"},
  };
  for (const auto& [flags, part] : cases) {
    // No flag may be repeated, so the base has none of these.
    std::vector<std::string> arguments = {"ask", "--model", tiny_model(), "-q", "Who?", document_};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    SCOPED_TRACE(testing::PrintToString(flags));
    const RunResult result = run_memagent(arguments);
    EXPECT_TRUE(result.exit_code == 2 || (flags[0] == "--prompts" && result.exit_code == 3));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(part));
  }
  // A question longer than its budget says so.
  expect_error(tiny_ask({"-q", english(3000), document_}), 2, "question");
}

TEST_F(ErrorsTest, Documents) {
  expect_error(tiny_ask({"-q", "Who?", folder_ / "none.txt"}), 3, "none.txt");
  expect_error(tiny_ask({"-q", "Who?", folder_.path()}), 3, folder_.path());
  const std::string binary = folder_ / "picture.png";
  write_file(binary, std::string("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16) + std::string(5000, '\0'));
  expect_error(tiny_ask({"-q", "Who?", binary}), 3, "picture.png");
  expect_failed(run_memagent(tiny_ask({"-q", "Who?"}), {.input = std::string(5000, '\0')}), 3,
                "standard input");
  expect_error(tiny_ask({"-q", "Who?", "--questions", folder_ / "none", document_}), 3,
               "none: cannot be read: No such file or directory: check the name");
  // Folders were read as if they were empty files, or ended the program as by a fault of its own.
  for (const char* flag : {"--questions", "--prompts"}) {
    expect_error(tiny_ask({"-q", "Who?", flag, folder_.path(), document_}), 3,
                 folder_.path() + ": is a directory: name a file in it");
  }
  write_file(folder_ / "empty", "\n");
  expect_error(tiny_ask({"--questions", folder_ / "empty", document_}), 3, "has no question");
  expect_error(tiny_ask({"-q", "Who?", "--documents", folder_ / "none.jsonl"}), 3, "none.jsonl");
  expect_error(tiny_ask({"-q", "Who?", "--documents", document_, document_}), 2, "--documents");
  expect_error(tiny_ask({"-q", "Who?", document_, "--trace", folder_ / "no/such/trace"}), 3,
               "--trace: " + (folder_ / "no/such/trace"));
}

TEST_F(ErrorsTest, UnreadableDocument) {
  fs::permissions(document_, fs::perms::none);
  fs::permissions(folder_.path(), fs::perms(0755));
  fs::permissions(fs::path(tiny_model()).parent_path(), fs::perms(0755));
  expect_failed(run_memagent(tiny_ask({"-q", "Who?", document_}), {.drop_privileges = true}), 3,
                document_);
}

TEST_F(ErrorsTest, Models) {
  const auto ask_with = [&](const std::string& model) {
    return std::vector<std::string>{"ask", "--model", model, "-q", "Who?", document_};
  };
  expect_error(ask_with(folder_ / "none.gguf"), 3,
               "none.gguf': No such file or directory; give a GGUF file or a Hugging Face folder");
  expect_error(ask_with(folder_.path()), 3, folder_.path());
  expect_error(ask_with(document_), 3, document_);
  const std::string good = read_file(tiny_model());
  const std::string cut = folder_ / "cut.gguf";
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}, std::size_t{20}, std::size_t{500},
                                  good.size() / 2, good.size() - 1}) {
    write_file(cut, good.substr(0, bytes));
    expect_error(ask_with(cut), 3, "cut.gguf");
    expect_error({"model", "info", cut}, 3, "cut.gguf");
  }
}

TEST_F(ErrorsTest, DeadEndpoint) {
  expect_error(
      {"ask", "--endpoint", "http://127.0.0.1:1/v1", "--attempts", "1", "-q", "Who?", document_}, 4,
      "127.0.0.1:1/v1: cannot be reached (");
  expect_error({"ask", "--endpoint", "nonsense", "-q", "Who?", document_}, 2, "nonsense");
}

TEST_F(ErrorsTest, FullOutput) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const RunResult trace = run_memagent(tiny_ask({"-q", "Who?", document_, "--trace", "/dev/full"}));
  expect_failed(trace, 3, "--trace: /dev/full: cannot be written");
}

TEST_F(ErrorsTest, HelpAndVersion) {
  for (const char* command : {"", "ask", "sessions", "model", "tokenizer", "bench"}) {
    std::vector<std::string> arguments;
    if (*command != '\0') arguments.emplace_back(command);
    arguments.emplace_back("--help");
    const RunResult help = run_memagent(arguments);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.errors, "");
    EXPECT_THAT(help.output, HasSubstr("Usage: memagent"));
    std::istringstream lines(help.output);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  }
  EXPECT_THAT(run_memagent({"--help"}).output, HasSubstr("70 a fault of memagent's own"));
  const std::string tokenizers = run_memagent({"tokenizer", "train", "--help"}).output;
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "smollm", "default"}) {
    EXPECT_THAT(tokenizers, HasSubstr(name));
  }
  const RunResult version = run_memagent({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.output.rfind("memagent 0.", 0), 0U);
}

}  // namespace
}  // namespace memagent
