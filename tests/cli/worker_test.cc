// `memagent worker` as operators meet it: several of them on one queue, killed at random; a store
// that goes away; and what is said when something is wrong. The store is a real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "cli/ask_support.h"
#include "memagent/session_store.h"
#include "support/postgres_server.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class WorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresServer::programs().empty()) {
      GTEST_SKIP() << "PostgreSQL is not installed; run `make test`";
    }
    store_ = PostgresServer::shared().new_database();
  }

  // `ask` of a session over a document of its own, which nobody needs once it is queued.
  RunResult ask(const std::string& name, std::size_t bytes, const std::vector<std::string>& more) {
    const std::string document = folder_ / "document.txt";
    write_file(document, english(bytes, std::hash<std::string>()(name)));
    std::vector<std::string> flags = {"-q",     "Who wrote the ledger?", "-q", "When?", document,
                                      "--quiet"};
    flags.insert(flags.end(), more.begin(), more.end());
    const RunResult result = run_memagent(tiny_ask(flags));
    std::remove(document.c_str());
    return result;
  }
  RunResult queue(const std::string& name, std::size_t bytes) {
    return ask(name, bytes, {"--session", name, "--store", store_, "--queue"});
  }

  std::vector<std::string> worker(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"worker",  "--model", tiny_model(), "--threads", "1",
                                          "--store", store_,    "--lease",    "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  json show(const std::string& name) const {
    const RunResult shown = run_memagent({"sessions", "show", name, "--json", "--store", store_});
    EXPECT_EQ(shown.exit_code, 0) << shown.errors;
    return json::parse(shown.output);
  }

  ScratchFolder folder_;
  std::string store_;
};

TEST_F(WorkerTest, KilledAtRandomUntilEachSessionIsDoneOnceAndTheSameToTheByte) {
  constexpr int kSessions = 8;
  constexpr int kWorkers = 3;
  std::vector<std::string> answers;
  std::vector<std::string> traces;
  for (int i = 0; i < kSessions; ++i) {
    // The same questions over the same document, uninterrupted, with SQLite.
    const std::string name = fmt::format("s{}", i);
    const std::string trace = folder_ / "trace.jsonl";
    const RunResult plain =
        ask(name, 1000, {"--session", name, "--store", folder_ / "plain.sqlite", "--trace", trace});
    ASSERT_EQ(plain.exit_code, 0) << plain.errors;
    answers.push_back(plain.output);
    traces.push_back(read_file(trace));
    const RunResult queued = queue(name, 1000);
    ASSERT_EQ(queued.exit_code, 0) << queued.errors;
    EXPECT_EQ(show(name)["status"], "queued");
  }

  RandomStream random(20261129);
  std::vector<std::unique_ptr<RunningProgram>> workers(kWorkers);
  int kills = 0;
  int taken_up = 0;
  const auto start = [&](std::size_t i) {
    // Two sessions each, so that there is something left to take for the others.
    workers[i] = std::make_unique<RunningProgram>(worker({"--until-empty", "--sessions", "2"}));
  };
  const auto count_taken_up = [&](const std::string& errors) {
    for (std::size_t at = 0; (at = errors.find("taken up at step", at)) != std::string::npos;
         ++at) {
      ++taken_up;
    }
  };
  for (std::size_t i = 0; i < kWorkers; ++i) start(i);
  // Each of the first kills hits a worker in the middle of a session; those after it come at any
  // time. How many of the former find the session still unfinished is up to the machine, so kills
  // go on until enough have.
  const SessionStore store(store_);
  constexpr int kInterrupted = 4;
  int interrupted = 0;
  for (bool empty = false; !empty && kills < 60; ++kills) {
    std::size_t victim = random.below(kWorkers);
    std::string reading;  // the session that it is in the middle of
    while (interrupted < kInterrupted && reading.empty() && !empty) {
      poll(nullptr, 0, 2);
      empty = true;
      for (const SessionInfo& info : store.list()) {
        if (state_of(info) == std::string("finished")) continue;
        empty = false;
        if (info.conversations == 0) continue;
        for (std::size_t i = 0; i < kWorkers; ++i) {
          if (!info.holder.starts_with(fmt::format("process {} ", workers[i]->pid()))) continue;
          victim = i;
          reading = info.name;
        }
      }
    }
    poll(nullptr, 0, static_cast<int>(random.below(reading.empty() ? 300 : 3)));
    workers[victim]->send(SIGKILL);
    const RunResult result = workers[victim]->wait();
    count_taken_up(result.errors);
    if (!reading.empty() && state_of(*store.find(reading)) != std::string("finished")) {
      ++interrupted;
    }
    start(victim);
    if (result.signal == 0) {
      EXPECT_EQ(result.exit_code, 0) << result.errors;
      empty = true;
    }
  }
  for (const std::unique_ptr<RunningProgram>& program : workers) {
    const RunResult result = program->wait();
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    count_taken_up(result.errors);
  }
  EXPECT_EQ(interrupted, kInterrupted);
  EXPECT_GT(taken_up, 0);

  for (int i = 0; i < kSessions; ++i) {
    const std::string name = fmt::format("s{}", i);
    const std::optional<SessionInfo> info = store.find(name);
    ASSERT_TRUE(info);
    EXPECT_STREQ(state_of(*info), "finished");
    EXPECT_FALSE(info->queued);
    // Every step once, in the order of a reading that was never interrupted, question by question.
    std::vector<std::string> kept(2);
    store.visit_conversations(name, [&](std::size_t question, std::string_view line) {
      kept[question] += line;
      kept[question] += '\n';
    });
    std::vector<std::string> expected(2);
    for (std::size_t at = 0; at < traces[i].size();) {
      const std::size_t end = traces[i].find('\n', at) + 1;
      const std::string line = traces[i].substr(at, end - at);
      expected[json::parse(line)["question"].get<std::size_t>()] += line;
      at = end;
    }
    EXPECT_EQ(kept, expected) << name;
    const RunResult answer = run_memagent({"ask", "--session", name, "--store", store_, "--quiet"});
    EXPECT_EQ(answer.output, answers[i]);
  }
}

TEST_F(WorkerTest, AStoreThatGoesAwayIsWaitedFor) {
  ASSERT_EQ(queue("s", 60'000).exit_code, 0);
  RunningProgram program(worker({"--until-empty"}));
  ASSERT_TRUE(program.wait_for_error_text("session 's': begun"));
  const SessionStore store(store_);
  while (store.find("s")->conversations < 2) poll(nullptr, 0, 20);
  PostgresServer::shared().stop();
  ASSERT_TRUE(program.wait_for_error_text("trying again in"));
  PostgresServer::shared().start();
  ASSERT_TRUE(program.wait_for_error_text("the session store answers again"));
  ASSERT_TRUE(program.wait_for_error_text("session 's': taken up at step"));
  // A signal gives it back at once, for whoever comes next.
  program.send(SIGTERM);
  const RunResult result = program.wait();
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(show("s")["status"], "queued");
  EXPECT_EQ(show("s")["holder"], "");
}

// Machines start in any order.
TEST_F(WorkerTest, AStoreThatIsNotThereYetIsWaitedFor) {
  ASSERT_EQ(queue("s", 1000).exit_code, 0);
  PostgresServer::shared().stop();
  RunningProgram program(worker({"--until-empty"}));
  ASSERT_TRUE(program.wait_for_error_text("trying again in"));
  PostgresServer::shared().start();
  const RunResult result = program.wait();
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("the session store answers again"));
  EXPECT_EQ(show("s")["status"], "finished");

  // Where there never is one, a signal ends the wait.
  RunningProgram nowhere({"worker", "--model", tiny_model(), "--quiet", "--store",
                          "postgres://me:secret@127.0.0.1:1/db"});
  ASSERT_TRUE(nowhere.wait_for_error_text("trying again in 1.0 s"));
  nowhere.send(SIGTERM);
  const RunResult ended = nowhere.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.errors, AllOf(HasSubstr("postgres://me@127.0.0.1:1/db: cannot be reached"),
                                  Not(HasSubstr("secret"))));
}

TEST_F(WorkerTest, OperatorsCancel) {
  ASSERT_EQ(queue("s", 60'000).exit_code, 0);
  RunningProgram program(worker({"--until-empty"}));
  ASSERT_TRUE(program.wait_for_error_text("session 's': begun"));
  const json running = show("s");
  EXPECT_EQ(running["status"], "running");
  EXPECT_THAT(running["holder"].get<std::string>(), HasSubstr("process "));
  EXPECT_EQ(run_memagent({"sessions", "cancel", "s", "--store", store_}).exit_code, 0);
  const RunResult result = program.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("session 's': was taken from it"));
  EXPECT_EQ(show("s")["status"], "stopped");
  EXPECT_EQ(run_memagent({"sessions", "cancel", "none", "--store", store_}).exit_code, 2);
}

TEST_F(WorkerTest, AskGoesOnWhereTheDocumentIsNot) {
  const RunResult plain = ask("s", 1500, {});
  ASSERT_EQ(queue("s", 1500).exit_code, 0);
  const RunResult answer = run_memagent({"ask", "--session", "s", "--store", store_, "--quiet"});
  EXPECT_EQ(answer.exit_code, 0) << answer.errors;
  EXPECT_EQ(answer.output, plain.output);
  EXPECT_EQ(show("s")["status"], "finished");
}

TEST_F(WorkerTest, WhatCannotBeIsOneLine) {
  const auto refused = [](const RunResult& result, int code, const std::string& what) {
    EXPECT_EQ(result.exit_code, code);
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr(what));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
  };
  const std::string nowhere = "postgres://me:secret@127.0.0.1:1/db";
  refused(ask("s", 500, {"--session", "s", "--store", nowhere}), 4, "postgres://me@127.0.0.1:1/db");
  refused(run_memagent({"sessions", "list", "--store", nowhere}), 4, "cannot be reached");
  refused(run_memagent({"worker", "--store", folder_ / "file"}), 2, "is a file");
  refused(ask("s", 500, {"--session", "s", "--store", folder_ / "file", "--queue"}), 2,
          "--queue: the store is a file");
  refused(ask("s", 500, {"--store", store_, "--queue"}), 2, "--queue: the session needs a name");
  refused(run_memagent({"worker", "--store", "postgres://host/db?nonsense=1"}), 2, "nonsense");
}

// The user "guarded" needs a password, `password`.
std::string guarded(std::string address, const std::string& password) {
  PostgresServer::execute(address,
                          "DO $$ BEGIN CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 'right'; "
                          "EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  const std::string trusted = "//memagent@";
  return address.replace(address.find(trusted), trusted.size(), "//guarded:" + password + "@");
}

// Waiting would not help: nobody is let in, or there is nothing to be let into.
TEST_F(WorkerTest, AStoreThatRefusesIsNotWaitedFor) {
  const auto refused = [&](const std::string& address, const std::string& what) {
    for (const std::string command : {"worker", "serve"}) {
      const RunResult result =
          run_memagent({command, "--model", tiny_model(), "--quiet", "--store", address});
      EXPECT_EQ(result.exit_code, 3) << command << ": " << result.errors;
      EXPECT_THAT(result.errors, AllOf(HasSubstr(what), Not(HasSubstr("wrong"))));
      EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    }
  };
  std::string stranger = store_;
  stranger.replace(stranger.find("memagent@"), 8, "stranger");
  refused(stranger, "role \"stranger\" does not exist");
  refused(guarded(store_, "wrong"), "password authentication failed");
  std::string elsewhere = store_;
  elsewhere.replace(elsewhere.find("@/test"), 6, "@/no");
  refused(elsewhere, "does not exist: check user, password and database");
}

// One that let it in before is: an operator may put it right.
TEST_F(WorkerTest, AStoreThatRefusesLaterIsWaitedFor) {
  ASSERT_EQ(queue("s", 60'000).exit_code, 0);
  std::vector<std::string> arguments = worker({"--until-empty"});
  std::ranges::replace(arguments, store_, guarded(store_, "right"));
  RunningProgram program(arguments);
  ASSERT_TRUE(program.wait_for_error_text("session 's': begun"));
  PostgresServer::execute(store_, "ALTER ROLE guarded PASSWORD 'other'");
  PostgresServer::execute(store_,
                          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE usename = 'guarded'");
  ASSERT_TRUE(program.wait_for_error_text("password authentication failed"));
  ASSERT_TRUE(program.wait_for_error_text("trying again in"));
  PostgresServer::execute(store_, "ALTER ROLE guarded PASSWORD 'right'");
  ASSERT_TRUE(program.wait_for_error_text("the session store answers again"));
  const SessionStore store(store_);
  const auto before = store.find("s")->conversations;
  for (int tries = 0; store.find("s")->conversations == before && tries < 1500; ++tries) {
    poll(nullptr, 0, 20);
  }
  EXPECT_GT(store.find("s")->conversations, before);
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, 0);
}

}  // namespace
}  // namespace memagent
