// Two processes that train one model, as torchrun starts them, of which one is killed: what
// docs/training.md promises of that.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>

#include "cli/run_program.h"
#include "support/free_port.h"

namespace memagent {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Matcher;
using testing::StartsWith;

using Processes = std::vector<std::unique_ptr<RunningProgram>>;  // by rank

std::int64_t num_lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

// Its first `count` lines.
std::string first_lines(const std::string& text, std::int64_t count) {
  std::size_t end = 0;
  while (count-- > 0) end = text.find('\n', end) + 1;
  return text.substr(0, end);
}

// Of one that ends by itself. Whoever waits for a process that is gone would do so for half an
// hour, its patience with slow ones.
RunResult ended(RunningProgram& process) {
  using Clock = std::chrono::steady_clock;
  const auto patience = Clock::now() + std::chrono::minutes(2);
  if (process.wait_until([&] { return Clock::now() > patience; })) {
    ADD_FAILURE() << "still waits";
    process.send(SIGKILL);
  }
  return process.wait();
}

class TrainProcesses : public testing::Test {
 protected:
  // Some 45 steps of milliseconds, and a checkpoint after each.
  TrainProcesses() {
    write_file(folder_ / "sft.toml", R"(seed = 3
batch_tokens = 256
batches = 2
checkpoint_minutes = 0

[network]
tokenizer = ")" MEMAGENT_SOURCE_DIR R"(/recipes/tiny-smoke/tokenizer.json"
num_layers = 1
model_dim = 32
num_heads = 2
num_kv_heads = 1
head_dim = 16
ffn_dim = 32

[[stage]]
name = "copying"
tokens = 24_000
section_tokens = [16, 64]
tasks = { drill = 1 }
)");
  }

  Processes start(const std::string& run, const std::vector<std::string>& more = {}) const {
    const std::string port = std::to_string(free_port());
    std::vector<std::string> arguments = {
        "train",     "sft", "--recipe", folder_ / "sft.toml", "--out", folder_ / run,
        "--threads", "1",   "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Processes processes;
    for (const char* rank : {"0", "1"}) {
      RunOptions options;
      options.set = {{"RANK", rank},        {"WORLD_SIZE", "2"},
                     {"LOCAL_RANK", rank},  {"LOCAL_WORLD_SIZE", "2"},
                     {"MASTER_PORT", port}, {"MASTER_ADDR", "127.0.0.1"}};
      processes.push_back(std::make_unique<RunningProgram>(arguments, options));
    }
    return processes;
  }

  static void expect_done(const Processes& processes, const Matcher<std::string>& errors) {
    for (const auto& process : processes) {
      const RunResult result = ended(*process);
      EXPECT_EQ(result.exit_code, 0);
      EXPECT_THAT(result.errors, errors);
    }
  }

  std::string log_of(const std::string& run) const {
    return read_file(folder_ / run + "/log.jsonl");
  }
  std::string model_of(const std::string& run) const {
    return read_file(folder_ / run + "/model.gguf");
  }

  ScratchFolder folder_;
};

TEST_F(TrainProcesses, OneIsKilledTheOtherEndsAndBothGoOnToTheSameBytes) {
  expect_done(start("whole"), IsEmpty());
  const std::string whole = model_of("whole");
  ASSERT_THAT(whole, StartsWith("GGUF"));
  for (const std::size_t victim : {1, 0}) {
    SCOPED_TRACE(fmt::format("killed: {}", victim));
    const std::size_t other = 1 - victim;
    const std::string run = fmt::format("killed-{}", victim);
    Processes two = start(run);
    ASSERT_TRUE(two[0]->wait_until([&] { return num_lines(log_of(run)) >= 3; }))
        << two[0]->wait().errors;
    two[victim]->send(SIGKILL);
    EXPECT_EQ(two[victim]->wait().signal, SIGKILL);
    const RunResult left = ended(*two[other]);
    EXPECT_EQ(left.exit_code, 4);
    EXPECT_THAT(left.errors,
                AllOf(StartsWith(fmt::format("memagent: process {} of 2 that train together: "
                                             "another has ended or does not answer",
                                             other)),
                      EndsWith(": start all of them again with --resume\n")));
    EXPECT_EQ(num_lines(left.errors), 1) << left.errors;

    // The leader may be gone between a checkpoint's becoming the one before and the next.
    const std::string log = log_of(run);
    expect_done(start(run, {"--resume"}),
                victim == 1 ? Matcher<std::string>(IsEmpty())
                            : AnyOf(IsEmpty(), HasSubstr("going on from the checkpoint before")));
    EXPECT_TRUE(model_of(run) == whole);
    // Not from the beginning, which ends in the same bytes: at most one step, after which it was
    // killed, is made again. A line has its step's seconds.
    EXPECT_THAT(log_of(run), StartsWith(first_lines(log, num_lines(log) - 1)));
    EXPECT_EQ(num_lines(log_of(run)), num_lines(log_of("whole")));
  }
}

}  // namespace
}  // namespace memagent
