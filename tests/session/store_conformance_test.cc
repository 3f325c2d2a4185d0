// What every kind of store promises, through the public header: a file, and a database of a real
// PostgreSQL. Processes are killed in the middle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "memagent/error.h"
#include "memagent/session_store.h"
#include "session/store_testing.h"
#ifdef MEMAGENT_TEST_POSTGRES
#include "support/postgres_server.h"
#endif

namespace memagent {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

enum class Kind { kFile, kDatabase };

class StoreConformanceTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "memagent-session-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    location_ = folder_ + "/deep/folder/store.sqlite";
    if (GetParam() == Kind::kFile) return;
#ifdef MEMAGENT_TEST_POSTGRES
    if (PostgresServer::programs().empty()) {
      GTEST_SKIP() << "PostgreSQL is not installed; run `make test`";
    }
    location_ = PostgresServer::shared().new_database();
#else
    GTEST_SKIP() << "built without PostgreSQL";
#endif
  }
  ~StoreConformanceTest() override { fs::remove_all(folder_); }

  static SessionSpec spec() { return test::two_questions(); }

  // The session of a process that was killed: at once in a file, after its lease in a database.
  static Session open_when_free(SessionStore& store, const std::string& name,
                                const SessionSpec& spec) {
    for (int tries = 0;; ++tries) {
      try {
        return store.open(name, spec);
      } catch (const Error&) {
        if (!store.shared() || tries == 1000) throw;
      }
      poll(nullptr, 0, 20);
    }
  }

  std::string folder_;
  std::string location_;
  SessionStoreOptions options_{.lease = std::chrono::milliseconds(500)};
};

TEST_P(StoreConformanceTest, KeepsWhatWasCommitted) {
  {
    SessionStore store(location_, SessionStore::Mode::kCreate, options_);
    EXPECT_TRUE(store.list().empty());
    Session session = store.open("first", spec());
    EXPECT_FALSE(session.continued());
    session.commit(0, "state a", "line a");
    session.commit(1, "state b", "line b");
    session.commit(0, "state c", "line c");
  }
  SessionStore store(location_, SessionStore::Mode::kExisting, options_);
  {
    Session session = store.open("first", spec());
    EXPECT_TRUE(session.continued());
    EXPECT_EQ(session.info().conversations, 3);
    EXPECT_EQ(session.info().status, SessionStatus::kReading);
    EXPECT_THAT(session.info().states_json, ElementsAre("state c", "state b"));
    EXPECT_TRUE(store.find("first")->conversations == 3);
    session.commit(1, "state d", "line d");
    session.finish();
  }
  std::string lines;
  store.visit_conversations("first", [&](std::size_t question, std::string_view line) {
    lines += std::to_string(question) + " " + std::string(line) + "\n";
  });
  EXPECT_EQ(lines, "0 line a\n1 line b\n0 line c\n1 line d\n");
  const SessionInfo info = *store.find("first");
  EXPECT_EQ(info.status, SessionStatus::kFinished);
  EXPECT_FALSE(info.running);
  EXPECT_EQ(info.spec.questions, spec().questions);
  EXPECT_EQ(info.spec.document.hash, spec().document.hash);
  EXPECT_EQ(info.spec.settings_json, spec().settings_json);
  EXPECT_EQ(info.spec.sources_json, spec().sources_json);
  EXPECT_LE(info.created, info.updated);
}

TEST_P(StoreConformanceTest, ListsAndRemoves) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  { const Session one = store.open("one", spec()); }
  { const Session two = store.open("two", spec()); }
  EXPECT_EQ(store.list().size(), 2U);
  EXPECT_TRUE(store.remove("one"));
  EXPECT_FALSE(store.remove("one"));
  EXPECT_FALSE(store.find("one").has_value());
  ASSERT_EQ(store.list().size(), 1U);
  EXPECT_EQ(store.list()[0].name, "two");
  // A new session of the same name starts from nothing.
  const Session again = store.open("one", spec());
  EXPECT_FALSE(again.continued());
  EXPECT_EQ(again.info().conversations, 0);
}

TEST_P(StoreConformanceTest, RefusesToContinueSomethingElse) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  { const Session session = store.open("s", spec()); }
  const auto refused = [&](const std::function<void(SessionSpec&)>& change) {
    SessionSpec changed = spec();
    change(changed);
    return error_of([&] { store.open("s", changed); });
  };
  EXPECT_THAT(
      refused([](SessionSpec& s) { s.settings_json = R"({"section_tokens":4000})"; }),
      AllOf(HasSubstr("2: session 's': section_tokens was 5000, now 4000"), Not(HasSubstr("\n"))));
  EXPECT_THAT(refused([](SessionSpec& s) { s.questions[1] = "When?"; }),
              HasSubstr("2: session 's': question 2 was \"Where?\", now \"When?\""));
  EXPECT_THAT(refused([](SessionSpec& s) { s.questions.pop_back(); }),
              HasSubstr("2: session 's': has 2 questions, now 1"));
  EXPECT_THAT(refused([](SessionSpec& s) { s.document.bytes = 1001; }),
              HasSubstr("3: session 's': the document book.txt has changed: 1001 bytes, was 1000"));
  EXPECT_THAT(refused([](SessionSpec& s) { s.document.hash = 1; }), HasSubstr("other content"));
  // What is not compared, or merely moved, is no difference; a refusal leaves no lock.
  EXPECT_EQ(refused([](SessionSpec& s) {
              s.settings_json = "{}";
              s.sources_json = R"({"documents":["moved.txt"]})";
              s.document.name = "moved.txt";
            }),
            "");
}

TEST_P(StoreConformanceTest, BadNames) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  EXPECT_THAT(error_of([&] { store.open("", spec()); }), HasSubstr("2: --session"));
  EXPECT_THAT(error_of([&] { store.open("a\nb", spec()); }), HasSubstr("control characters"));
  EXPECT_EQ(error_of([&] { store.open("Ünïcode, 'quotes' and spaces", spec()); }), "");
}

TEST_P(StoreConformanceTest, OneRunnerAtATime) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  SessionStore other(location_);
  {
    const Session held = store.open("s", spec());
    const std::string expected = "being run by process " + std::to_string(getpid());
    EXPECT_THAT(error_of([&] { store.open("s", spec()); }), HasSubstr(expected));
    EXPECT_THAT(error_of([&] { other.open("s", spec()); }), HasSubstr(expected));
    EXPECT_THAT(error_of([&] { other.remove("s"); }), HasSubstr(expected));
    EXPECT_TRUE(other.find("s")->running);
    EXPECT_EQ(error_of([&] { other.open("another", spec()); }), "");
  }
  EXPECT_FALSE(other.find("s")->running);
  EXPECT_TRUE(other.remove("s"));
}

TEST_P(StoreConformanceTest, KilledProcessesLeaveEveryCommit) {
  // The child commits as fast as it can and says over a pipe what is committed; it is killed at
  // some later instant. Everything it said must be there, in one piece.
  std::int64_t before = 0;
  for (int round = 0; round < 10; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      SessionStore store(location_, SessionStore::Mode::kCreate, options_);
      Session session = store.open("s", spec());
      for (std::int64_t i = session.info().conversations;; ++i) {
        session.commit(0, std::to_string(i), std::to_string(i));
        if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(pipe_ends[1]);
    std::int64_t said = -1;
    for (int i = 0; i < 3 + round; ++i) {
      ASSERT_EQ(read(pipe_ends[0], &said, sizeof said), static_cast<ssize_t>(sizeof said));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(pipe_ends[0]);

    SessionStore store(location_, SessionStore::Mode::kCreate, options_);
    const Session session = open_when_free(store, "s", spec());
    const std::int64_t after = session.info().conversations;
    EXPECT_GT(after, said);
    EXPECT_GT(after, before);
    EXPECT_EQ(session.info().states_json[0], std::to_string(after - 1));
    std::int64_t sequence = 0;
    store.visit_conversations("s", [&](std::size_t, std::string_view line) {
      EXPECT_EQ(line, std::to_string(sequence++));
    });
    EXPECT_EQ(sequence, after);
    before = after;
  }
}

TEST_P(StoreConformanceTest, AnyBytes) {
  SessionSpec odd = spec();
  odd.questions = {std::string("no UTF-8 \xFF, a zero \0 and \\x41", 27), ""};
  odd.document.name = "\xC3";
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  Session session = store.open("odd \xE9 '\\", odd);
  const std::string line("a\0b\xFE", 4);
  session.commit(0, line, line);
  const SessionInfo info = *store.find("odd \xE9 '\\");
  EXPECT_EQ(info.spec.questions, odd.questions);
  EXPECT_EQ(info.spec.document.name, odd.document.name);
  EXPECT_EQ(info.states_json[0], line);
  store.visit_conversations(info.name,
                            [&](std::size_t, std::string_view kept) { EXPECT_EQ(kept, line); });
}

TEST_P(StoreConformanceTest, StatesAreTold) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  {
    Session session = store.open("s", spec());
    EXPECT_STREQ(state_of(*store.find("s")), "running");
  }
  EXPECT_STREQ(state_of(*store.find("s")), "stopped");
  store.open("s", spec()).finish();
  EXPECT_STREQ(state_of(*store.find("s")), "finished");
}

TEST_P(StoreConformanceTest, ManyConversationsAreVisitedInOrder) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  Session session = store.open("s", spec());
  for (int i = 0; i < 200; ++i) session.commit(0, "state", std::to_string(i));
  int count = 0;
  store.visit_conversations(
      "s", [&](std::size_t, std::string_view line) { EXPECT_EQ(line, std::to_string(count++)); });
  EXPECT_EQ(count, 200);
  EXPECT_EQ(store.find("s")->conversations, 200);
}

// Who has seen the first steps asks for those after them, of a reading that may have thousands.
TEST_P(StoreConformanceTest, ConversationsAreVisitedFromAnyOn) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  Session session = store.open("s", spec());
  for (int i = 0; i < 200; ++i) session.commit(i % 3 == 0 ? 0 : 1, "state", std::to_string(i));
  const auto visited = [&](const ConversationRange& range) {
    std::vector<std::string> lines;
    store.visit_conversations(
        "s",
        [&](std::size_t question, std::string_view line) {
          lines.emplace_back(line);
          EXPECT_EQ(question, std::stoi(lines.back()) % 3 == 0 ? 0U : 1U);
        },
        range);
    return lines;
  };
  for (const std::int64_t from : {0, 1, 63, 64, 65, 199, 200, 300}) {
    for (const std::int64_t most : {0, 1, 64, 65, 1000}) {
      std::vector<std::string> expected;
      for (std::int64_t i = from; i < std::min<std::int64_t>(200, from + most); ++i) {
        expected.push_back(std::to_string(i));
      }
      EXPECT_EQ(visited({from, most}), expected) << from << " " << most;
    }
  }
  EXPECT_EQ(store.conversation_before("s", 0, 200), "198");
  EXPECT_EQ(store.conversation_before("s", 0, 198), "195");
  EXPECT_EQ(store.conversation_before("s", 1, 1), std::nullopt);
  EXPECT_EQ(store.conversation_before("s", 2, 200), std::nullopt);
  EXPECT_EQ(store.conversation_before("none", 0, 200), std::nullopt);
}

TEST_P(StoreConformanceTest, ListsInPartsThatStayTheSameWhileSessionsGoOn) {
  SessionStore store(location_, SessionStore::Mode::kCreate, options_);
  for (int i = 0; i < 7; ++i) {
    SessionSpec of = spec();
    of.sources_json = i % 2 == 0 ? R"({"owner":"alice"})" : R"({"owner":"al"})";
    store.open(std::to_string(i), of);
  }
  const auto names = [&](const SessionQuery& query) {
    std::vector<std::string> listed;
    for (const SessionInfo& info : store.list(query)) {
      EXPECT_EQ(info.spec.questions, spec().questions);
      listed.push_back(info.name);
    }
    return listed;
  };
  EXPECT_THAT(names({}), ElementsAre("6", "5", "4", "3", "2", "1", "0"));
  EXPECT_THAT(names({.most = 3}), ElementsAre("6", "5", "4"));
  SessionSpec of = spec();
  store.open("2", of).commit(0, "state", "line");  // is now the one that changed last
  EXPECT_THAT(names({.begun_before = "4", .most = 3}), ElementsAre("3", "2", "1"));
  EXPECT_THAT(names({.begun_before = "1", .most = 3}), ElementsAre("0"));
  EXPECT_THAT(names({.begun_before = "0"}), ElementsAre());
  EXPECT_THAT(names({.begun_before = "none"}), ElementsAre());
  EXPECT_THAT(names({.most = 2, .sources_contain = R"("owner":"al")"}), ElementsAre("5", "3"));
  EXPECT_THAT(names({.begun_before = "3", .sources_contain = R"("owner":"al)"}),
              ElementsAre("2", "1", "0"));
  EXPECT_TRUE(store.remove("3"));
  EXPECT_THAT(names({.begun_before = "4"}), ElementsAre("2", "1", "0"));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformanceTest,
                         testing::Values(Kind::kFile, Kind::kDatabase),
                         [](const testing::TestParamInfo<Kind>& kind) {
                           return kind.param == Kind::kFile ? "Sqlite" : "Postgres";
                         });

}  // namespace
}  // namespace memagent
