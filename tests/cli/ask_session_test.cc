// Sessions of `ask` under kills, interrupts, full disks and changed minds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "cli/ask_support.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class AskSessionTest : public testing::Test {
 protected:
  AskSessionTest() { write_file(document_, english(1500)); }

  std::vector<std::string> in_session(const std::string& name,
                                      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> flags = {
        "-q",  "Who wrote the ledger?", document_, "--session", name, "--store", store_, "--trace",
        trace_};
    flags.insert(flags.end(), more.begin(), more.end());
    return tiny_ask(flags);
  }

  ScratchFolder folder_;
  std::string document_ = folder_ / "document.txt";
  std::string store_ = folder_ / "store.sqlite";
  std::string trace_ = folder_ / "trace.jsonl";
};

TEST_F(AskSessionTest, KilledAHundredTimesAndTheSameToTheByte) {
  const std::string plain_trace = folder_ / "plain.jsonl";
  const RunResult plain = run_memagent(
      tiny_ask({"-q", "Who wrote the ledger?", document_, "--trace", plain_trace, "--quiet"}));
  ASSERT_EQ(plain.exit_code, 0) << plain.errors;
  const std::string expected_trace = read_file(plain_trace);
  ASSERT_GT(std::count(expected_trace.begin(), expected_trace.end(), '\n'), 10);

  RandomStream random(20260101);
  int kills = 0;
  int sessions = 0;
  int resumed_halfway = 0;
  std::int64_t longest_ms = 30;
  while (kills < 100) {
    const std::string name = std::to_string(sessions++);
    std::int64_t steps_before = 0;
    for (int attempt = 0;; ++attempt) {
      ASSERT_LT(attempt, 1000) << "no progress";
      // Other seeds and lookaheads for the process must not matter to what comes out.
      RunningProgram program(in_session(name, {"--quiet"}));
      // A random instant, not a wait for anything: poll of nothing.
      if (kills < 100) {
        poll(nullptr, 0, static_cast<int>(random.below(static_cast<std::uint64_t>(longest_ms))));
        program.send(SIGKILL);
      }
      const RunResult result = program.wait();
      if (result.signal == 0) {
        ASSERT_EQ(result.exit_code, 0) << result.errors;
        EXPECT_EQ(result.output, plain.output);
        EXPECT_EQ(read_file(trace_), expected_trace);
        break;
      }
      ++kills;
      // Where machines are slow, kills must come later to let a step be made.
      const RunResult shown = run_memagent({"sessions", "show", name, "--json", "--store", store_});
      std::int64_t steps = 0;
      if (shown.exit_code == 0) steps = json::parse(shown.output)["conversations"];
      EXPECT_GE(steps, steps_before);
      if (steps == steps_before) longest_ms = std::min<std::int64_t>(longest_ms + 20, 2000);
      if (steps > 0) ++resumed_halfway;
      steps_before = steps;
    }
  }
  EXPECT_GE(kills, 100);
  EXPECT_GT(resumed_halfway, 10);
}

TEST_F(AskSessionTest, InterruptedFinishesItsCommitAndSaysHowToGoOn) {
  write_file(document_, english(30000));
  const std::vector<std::string> few = {"-q", "Who wrote the ledger?", document_};
  RunningProgram program(in_session("trip", {"--watch"}));
  ASSERT_TRUE(program.wait_for_error_text("--- section 3"));
  program.send(SIGINT);
  const RunResult stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 130) << stopped.errors;
  EXPECT_EQ(stopped.output, "");
  EXPECT_THAT(stopped.errors, HasSubstr("memagent: interrupted: session 'trip' keeps "));
  EXPECT_THAT(stopped.errors,
              HasSubstr(" or: memagent ask --store " + store_ + " --session trip\n"));
  const RunResult shown = run_memagent({"sessions", "show", "trip", "--json", "--store", store_});
  const json before = json::parse(shown.output);
  EXPECT_EQ(before["status"], "stopped");
  EXPECT_GE(before["conversations"], 3);

  // Enough of that document: another session takes a short one, by its name alone after a stop.
  write_file(document_, english(2500));
  RunningProgram second(in_session("short", {"--watch"}));
  ASSERT_TRUE(second.wait_for_error_text("--- section 2"));
  second.send(SIGTERM);
  EXPECT_EQ(second.wait().exit_code, 130);
  const RunResult rest = run_memagent({"ask", "--session", "short", "--store", store_});
  EXPECT_EQ(rest.exit_code, 0) << rest.errors;
  EXPECT_EQ(rest.output, run_memagent(tiny_ask({"-q", "Who wrote the ledger?", document_})).output);
}

// The command lacked --store, and quotes that a name with one needs.
TEST_F(AskSessionTest, TheCommandToGoOnCanBeCopied) {
  write_file(document_, english(30000));
  const auto told = [&](const std::vector<std::string>& more, const RunOptions& options) {
    std::vector<std::string> flags = {"-q", "Who?", document_, "--watch", "--session", "it's"};
    flags.insert(flags.end(), more.begin(), more.end());
    RunningProgram program(tiny_ask(flags), options);
    EXPECT_TRUE(program.wait_for_error_text("--- section 2"));
    program.send(SIGINT);
    const RunResult result = program.wait();
    EXPECT_EQ(result.exit_code, 130) << result.errors;
    return result.errors;
  };
  const std::string spaced = folder_ / "my store";
  EXPECT_THAT(told({"--store", spaced}, {}),
              HasSubstr("memagent ask --store '" + spaced + "' --session 'it'\\''s'\n"));
  // The environment goes on saying where the store is.
  EXPECT_THAT(told({}, {.set = {{"MEMAGENT_STORE", store_}}}),
              HasSubstr("or: memagent ask --session 'it'\\''s'\n"));
}

// What a program that is started meanwhile does with SIGHUP: it inherits what is ignored.
class Hangups {
 public:
  explicit Hangups(void (*handler)(int)) : before_(std::signal(SIGHUP, handler)) {}
  ~Hangups() { std::signal(SIGHUP, before_); }
  Hangups(const Hangups&) = delete;
  Hangups& operator=(const Hangups&) = delete;

 private:
  void (*before_)(int);
};

// Ended the program at once, with its last step not committed and nothing said.
TEST_F(AskSessionTest, AClosedTerminalIsAnInterrupt) {
  write_file(document_, english(30000));
  const Hangups end(SIG_DFL);
  RunningProgram program(in_session("closed", {"--watch"}));
  ASSERT_TRUE(program.wait_for_error_text("--- section 2"));
  program.send(SIGHUP);
  const RunResult result = program.wait();
  EXPECT_EQ(result.exit_code, 130) << result.errors << "signal " << result.signal;
  EXPECT_THAT(result.errors, HasSubstr("interrupted: session 'closed' keeps "));
}

// As nohup starts it.
TEST_F(AskSessionTest, AClosedTerminalEndsNothingWhereThatIsIgnored) {
  write_file(document_, english(6000));
  const Hangups ignored(SIG_IGN);
  RunningProgram program(in_session("nohup", {"--watch"}));
  ASSERT_TRUE(program.wait_for_error_text("--- section 2"));
  program.send(SIGHUP);
  EXPECT_EQ(program.wait().exit_code, 0);
}

TEST_F(AskSessionTest, InterruptedWithoutASession) {
  write_file(document_, english(30000));
  RunningProgram program(tiny_ask({"-q", "Who?", document_, "--watch"}));
  ASSERT_TRUE(program.wait_for_error_text("--- section 2"));
  program.send(SIGINT);
  const RunResult result = program.wait();
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_THAT(result.errors, HasSubstr("use --session NAME to be able to go on"));
}

TEST_F(AskSessionTest, AFinishedSessionAnswersAtOnce) {
  const RunResult first = run_memagent(in_session("done", {"--json"}));
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  const std::string trace = read_file(trace_);
  // Even without its model: nothing is generated any more.
  const RunResult again = run_memagent({"ask", "--session", "done", "--store", store_, "--json",
                                        "--trace", folder_ / "again.jsonl"});
  ASSERT_EQ(again.exit_code, 0) << again.errors;
  json a = json::parse(first.output);
  json b = json::parse(again.output);
  a.erase("seconds");
  b.erase("seconds");
  a["settings"].erase("lookahead");  // of a run that reads
  EXPECT_EQ(a, b);
  EXPECT_EQ(a["session"], "done");
  EXPECT_EQ(read_file(folder_ / "again.jsonl"), trace);
}

// Such a file cannot be found again by the session's name alone, but when it is named.
TEST_F(AskSessionTest, NamesOfFilesNeedNotBeUtf8) {
  const std::string latin = folder_ / "caf\xE9.txt";
  write_file(latin, english(600));
  const std::vector<std::string> arguments =
      tiny_ask({"-q", "Who?", latin, "--session", "latin", "--store", store_});
  const RunResult first = run_memagent(arguments);
  EXPECT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(run_memagent(arguments).output, first.output);
  const RunResult shown = run_memagent({"sessions", "show", "latin", "--store", store_});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  const RunResult unnamed = run_memagent({"ask", "--session", "latin", "--store", store_});
  EXPECT_EQ(unnamed.exit_code, 3);
  EXPECT_THAT(unnamed.errors, HasSubstr("cannot read '"));
}

TEST_F(AskSessionTest, ContinuingSomethingElseIsRefused) {
  ASSERT_EQ(run_memagent(in_session("fixed")).exit_code, 0);
  const auto refused = [&](const std::vector<std::string>& arguments, int code,
                           const std::string& part) {
    const RunResult result = run_memagent(arguments);
    EXPECT_EQ(result.exit_code, code) << result.errors;
    EXPECT_THAT(result.errors, AllOf(HasSubstr("memagent: session 'fixed': "), HasSubstr(part)));
  };
  const std::vector<std::string> base = {"ask", "--session", "fixed", "--store", store_};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = base;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  refused(with({"--section-tokens", "65"}), 2, "section_tokens was 64, now 65");
  refused(with({"--policy", "gated"}), 2, "policy was \"overwrite\", now \"gated\"");
  refused(with({"--seed", "1"}), 2, "seed was 0, now 1");
  refused(with({"-q", "Who else?"}), 2, "question 1 was \"Who wrote the ledger?\"");
  refused(with({"-q", "Who wrote the ledger?", "-q", "Why?"}), 2, "has 1 question, now 2");
  const std::string other_model = folder_ / "other.gguf";
  ASSERT_EQ(run_memagent({"model", "init", "llama-tiny", other_model, "--seed", "9"}).exit_code, 0);
  refused(with({"--model", other_model}), 2, "model was ");
  const std::string moved = folder_ / "moved.txt";
  std::filesystem::copy_file(document_, moved);
  EXPECT_EQ(run_memagent(with({moved})).exit_code, 0);  // the same document elsewhere
  write_file(document_, english(1500) + "x");
  refused(base, 3, "the document " + document_ + " has changed");
  std::string same_length = english(1500);
  same_length[700] = same_length[700] == 'x' ? 'y' : 'x';
  write_file(document_, same_length);
  refused(base, 3, "same length, other content");
}

TEST_F(AskSessionTest, OneProcessPerSession) {
  write_file(document_, english(30000));
  RunningProgram program(in_session("busy", {"--watch"}));
  ASSERT_TRUE(program.wait_for_error_text("--- section 1"));
  const RunResult second = run_memagent(in_session("busy"));
  EXPECT_EQ(second.exit_code, 3);
  EXPECT_THAT(second.errors, HasSubstr("session 'busy': is being run by process "));
  const RunResult removed = run_memagent({"sessions", "delete", "busy", "--store", store_});
  EXPECT_EQ(removed.exit_code, 3);
  const RunResult listed = run_memagent({"sessions", "list", "--store", store_});
  EXPECT_THAT(listed.output, HasSubstr("running"));
}

TEST_F(AskSessionTest, FullDiskLosesNothing) {
  write_file(document_, english(4000));
  const RunResult full = run_memagent(in_session("full", {"--json"}), {.file_bytes_limit = 90000});
  EXPECT_EQ(full.exit_code, 3) << full.errors;
  EXPECT_EQ(full.output, "");
  EXPECT_THAT(full.errors, AllOf(HasSubstr("memagent: session store: " + store_),
                                 HasSubstr("session 'full' keeps ")));
  EXPECT_EQ(std::count(full.errors.begin(), full.errors.end(), '\n'), 1) << full.errors;
  const RunResult rest = run_memagent({"ask", "--session", "full", "--store", store_});
  EXPECT_EQ(rest.exit_code, 0) << rest.errors;
  EXPECT_EQ(rest.output, run_memagent(tiny_ask({"-q", "Who wrote the ledger?", document_})).output);
}

TEST_F(AskSessionTest, ListShowAndDelete) {
  EXPECT_EQ(run_memagent({"sessions", "list", "--store", store_}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(store_));
  EXPECT_EQ(run_memagent({"sessions", "show", "a", "--store", store_}).exit_code, 3);
  ASSERT_EQ(run_memagent(in_session("a")).exit_code, 0);
  ASSERT_EQ(run_memagent(in_session("b")).exit_code, 0);
  const RunResult list = run_memagent({"sessions", "list", "--json", "--store", store_});
  const json sessions = json::parse(list.output);
  ASSERT_EQ(sessions.size(), 2U);
  EXPECT_EQ(sessions[0]["name"], "b");
  EXPECT_EQ(sessions[0]["status"], "finished");
  EXPECT_EQ(sessions[0]["questions"][0]["question"], "Who wrote the ledger?");
  const RunResult shown = run_memagent({"sessions", "show", "a", "--store", store_});
  EXPECT_THAT(shown.output, HasSubstr("answer     "));
  EXPECT_EQ(run_memagent({"sessions", "delete", "a", "--store", store_}).exit_code, 0);
  const RunResult gone = run_memagent({"sessions", "show", "a", "--store", store_});
  EXPECT_EQ(gone.exit_code, 2);
  EXPECT_THAT(gone.errors, HasSubstr("session 'a': there is none of that name"));
  // The environment may say where the store is.
  const RunResult there =
      run_memagent({"sessions", "show", "b"}, {.set = {{"MEMAGENT_STORE", store_}}});
  EXPECT_EQ(there.exit_code, 0) << there.errors;
}

TEST_F(AskSessionTest, PipedDocumentsCanBeContinued) {
  const std::vector<std::string> arguments =
      tiny_ask({"-q", "Who?", "--session", "pipe", "--store", store_});
  const RunResult first = run_memagent(arguments, {.input = english(3000)});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(run_memagent(arguments, {.input = english(3000)}).output, first.output);
  const RunResult other = run_memagent(arguments, {.input = english(3000, 2)});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.errors, HasSubstr("has changed"));
}

}  // namespace
}  // namespace memagent
