// What only a shared store has: leases and who may write, the queue, documents, and a server that
// goes away. Raw SQL plays the passing of time and the machines that are not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <functional>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "memagent/error.h"
#include "memagent/session_store.h"
#include "session/fingerprint.h"
#include "session/store_testing.h"
#include "support/postgres_server.h"

namespace memagent {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class PostgresStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresServer::programs().empty()) {
      GTEST_SKIP() << "PostgreSQL is not installed; run `make test`";
    }
    address_ = PostgresServer::shared().new_database();
  }

  static SessionSpec spec() {
    SessionSpec spec;
    spec.questions = {"Who?"};
    return spec;
  }

  // A session that waits for readers of kind "r".
  static void queue(SessionStore& store, const std::string& name) {
    store.open(name, spec()).queue("r");
  }

  void sql(const std::string& text) const { PostgresServer::execute(address_, text); }
  // As if so much time had passed that every lease ran out.
  void let_leases_run_out() const {
    sql("UPDATE memagent.session SET lease_until = now() - interval '1 second'");
  }

  static std::vector<std::string> lines_of(const SessionStore& store, const std::string& name) {
    std::vector<std::string> lines;
    store.visit_conversations(
        name, [&](std::size_t, std::string_view line) { lines.emplace_back(line); });
    return lines;
  }

  std::string address_;
};

TEST_F(PostgresStoreTest, WhoLostTheLeaseWritesNothing) {
  SessionStore here(address_);
  SessionStore there(address_);
  Session slow = here.open("s", spec());
  slow.commit(0, "state 1", "line 1");
  EXPECT_THAT(error_of([&] { there.open("s", spec()); }), HasSubstr("is being run by process"));
  let_leases_run_out();
  Session fast = there.open("s", spec());
  EXPECT_EQ(fast.info().states_json[0], "state 1");

  const auto lost =
      AllOf(StartsWith("3: session 's': was taken over by process"), Not(HasSubstr("\n")));
  EXPECT_THAT(error_of([&] { slow.commit(0, "stale", "stale"); }), lost);
  EXPECT_THAT(error_of([&] { slow.finish(); }), lost);
  EXPECT_THAT(error_of([&] { slow.queue("r"); }), lost);
  slow.failed(Error(ErrorKind::kBadInput, "stale"));
  { const Session gone = std::move(slow); }  // nor does it give back what is another's
  EXPECT_TRUE(there.find("s")->running);
  fast.commit(0, "state 2", "line 2");
  fast.finish();
  EXPECT_THAT(lines_of(there, "s"), testing::ElementsAre("line 1", "line 2"));
  EXPECT_EQ(there.find("s")->states_json[0], "state 2");
  EXPECT_EQ(there.find("s")->error, "");
}

TEST_F(PostgresStoreTest, NobodyTakesASessionAwayFromItself) {
  SessionStore store(address_);
  queue(store, "s");
  std::optional<Session> held = store.take("r");
  ASSERT_TRUE(held);
  let_leases_run_out();  // a gap, such as a machine that slept
  EXPECT_FALSE(store.take("r"));
  EXPECT_THAT(error_of([&] { store.open("s", spec()); }), HasSubstr("is being run by"));
  held->commit(0, "1", "1");
  EXPECT_TRUE(store.find("s")->running);
}

TEST_F(PostgresStoreTest, AnOldReadingThatEndsLeavesTheNewOneItsLease) {
  SessionStore store(address_);
  queue(store, "s");
  std::optional<Session> before = store.take("r");
  ASSERT_TRUE(before);
  EXPECT_TRUE(store.withdraw("s"));
  queue(store, "s");
  std::optional<Session> after = store.take("r");
  ASSERT_TRUE(after);
  before.reset();
  let_leases_run_out();
  EXPECT_FALSE(store.take("r"));  // it is still known to be held
  after->commit(0, "1", "1");
}

// Waits before its first byte, as a slow upload would.
class SlowSource : public DocumentSource {
 public:
  SlowSource(std::string text, std::function<void()> wait)
      : source_(text_source(std::move(text), "book")), wait_(std::move(wait)) {}
  std::size_t read(std::span<char> buffer) override {
    if (wait_) std::exchange(wait_, nullptr)();
    return source_->read(buffer);
  }
  bool rewindable() const override { return true; }
  void rewind() override { source_->rewind(); }
  std::int64_t total_bytes() const override { return source_->total_bytes(); }
  std::string name() const override { return source_->name(); }

 private:
  std::unique_ptr<DocumentSource> source_;
  std::function<void()> wait_;
};

TEST_F(PostgresStoreTest, TheLeaseBeginsAfterTheUpload) {
  SessionStore store(address_, SessionStore::Mode::kCreate, {.lease = std::chrono::seconds(1)});
  SessionSpec with_document = spec();
  with_document.document = fingerprint(*text_source("text", "book"));
  SlowSource source("text", [] { poll(nullptr, 0, 1'200); });
  const Session session = store.open("s", with_document, &source);
  EXPECT_TRUE(store.find("s")->running);
}

TEST_F(PostgresStoreTest, LeasesAreRenewedWhileNobodyCommits) {
  SessionStore here(address_, SessionStore::Mode::kCreate, {.lease = std::chrono::seconds(1)});
  SessionStore there(address_);
  const Session held = here.open("s", spec());
  // Longer than the lease: the only way to see that it was renewed.
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(there.find("s")->running) << "after " << i * 100 << " ms";
    poll(nullptr, 0, 100);
  }
}

TEST_F(PostgresStoreTest, LeasesAreRenewedWhileUploadsHaveEveryConnection) {
  SessionStore here(address_, SessionStore::Mode::kCreate, {.lease = std::chrono::seconds(1)});
  SessionStore there(address_);
  Session held = here.open("s", spec());
  SessionSpec with_document = spec();
  with_document.document = fingerprint(*text_source("text", "book"));
  std::latch begun(8);
  std::latch over(1);
  std::vector<std::thread> uploads;
  for (int i = 0; i < 8; ++i) {
    uploads.emplace_back([&, i] {
      SlowSource source("text", [&] {
        begun.count_down();
        over.wait();
      });
      const auto mine = here.for_another_thread();
      const Session session = mine->open(std::to_string(i), with_document, &source);
    });
  }
  begun.wait();
  // Longer than the lease: the only way to see that it was renewed.
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(there.find("s")->running) << "after " << i * 100 << " ms";
    poll(nullptr, 0, 100);
  }
  over.count_down();
  for (std::thread& upload : uploads) upload.join();
}

TEST_F(PostgresStoreTest, BrokenConnectionsAreReplaced) {
  SessionStore store(address_);
  Session session = store.open("s", spec());
  session.commit(0, "1", "1");
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'memagent'");
  session.commit(0, "2", "2");
  EXPECT_THAT(lines_of(store, "s"), testing::ElementsAre("1", "2"));
}

TEST_F(PostgresStoreTest, AStepWhoseReplyWasLostIsNotWrittenTwice) {
  SessionStore store(address_);
  Session session = store.open("s", spec());
  session.commit(0, "1", "1");
  // The server has step 2, but its reply never came: what the next try finds.
  sql("UPDATE memagent.session SET steps = 2; "
      "INSERT INTO memagent.conversation VALUES (1, 1, 0, '2')");
  session.commit(0, "2", "2");
  session.commit(0, "3", "3");
  EXPECT_THAT(lines_of(store, "s"), testing::ElementsAre("1", "2", "3"));
}

TEST_F(PostgresStoreTest, QueuedSessionsAreTakenInOrderByTheirKindOfReader) {
  SessionStore store(address_);
  { const Session mine = store.open("not queued", spec()); }
  queue(store, "first");
  queue(store, "second");
  store.open("other", spec()).queue("another reader");
  EXPECT_STREQ(state_of(*store.find("first")), "queued");
  EXPECT_EQ(store.count_queued("r"), 2);
  std::optional<Session> first = store.take("r");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->info().name, "first");
  std::optional<Session> second = store.take("r");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->info().name, "second");
  EXPECT_FALSE(store.take("r"));
  first->finish();
  EXPECT_EQ(store.count_queued("r"), 1);
  second.reset();  // given back
  EXPECT_EQ(store.take("r")->info().name, "second");
}

TEST_F(PostgresStoreTest, ManyTakersTakeEachSessionOnce) {
  constexpr int kSessions = 60;
  SessionStore store(address_);
  for (int i = 0; i < kSessions; ++i) queue(store, std::to_string(i));
  std::mutex mutex;
  std::multiset<std::string> taken;
  std::vector<std::thread> takers;
  for (int i = 0; i < 6; ++i) {
    takers.emplace_back([&] {
      SessionStore mine(address_);
      while (std::optional<Session> session = mine.take("r")) {
        session->commit(0, "done", "done");
        session->finish();
        const std::lock_guard lock(mutex);
        taken.insert(session->info().name);
      }
    });
  }
  for (std::thread& taker : takers) taker.join();
  // A taker may find all that is left locked for an instant and go home; the rest is still there.
  while (std::optional<Session> session = store.take("r")) {
    session->commit(0, "done", "done");
    session->finish();
    taken.insert(session->info().name);
  }
  EXPECT_EQ(taken.size(), kSessions);
  for (int i = 0; i < kSessions; ++i) {
    EXPECT_EQ(taken.count(std::to_string(i)), 1U);
    EXPECT_EQ(store.find(std::to_string(i))->conversations, 1);
  }
}

TEST_F(PostgresStoreTest, VanishedHoldersAreReplacedAndCounted) {
  SessionStore store(address_);
  queue(store, "s");
  std::vector<std::unique_ptr<SessionStore>> stores;
  std::vector<Session> vanished;
  for (int i = 0; i < 20; ++i) {
    stores.push_back(std::make_unique<SessionStore>(address_));
    std::optional<Session> session = stores.back()->take("r");
    ASSERT_TRUE(session) << i;
    vanished.push_back(std::move(*session));
    EXPECT_FALSE(store.take("r"));
    let_leases_run_out();
  }
  // Whoever reads it dies of it: it is left alone, and says why.
  EXPECT_FALSE(store.take("r"));
  const SessionInfo info = *store.find("s");
  EXPECT_STREQ(state_of(info), "failed");
  EXPECT_THAT(info.error, HasSubstr("20 processes in a row"));
  vanished.clear();
}

TEST_F(PostgresStoreTest, FailuresWaitOrEndIt) {
  SessionStore store(address_);
  queue(store, "later");
  queue(store, "never");
  store.take("r")->failed(Error(ErrorKind::kModel, "the endpoint is down"));
  store.take("r")->failed(Error(ErrorKind::kBadInput, "it is not text"));
  EXPECT_FALSE(store.take("r"));
  EXPECT_EQ(store.find("later")->error, "the endpoint is down");
  EXPECT_STREQ(state_of(*store.find("later")), "queued");
  EXPECT_STREQ(state_of(*store.find("never")), "failed");
  sql("UPDATE memagent.session SET not_before = now()");  // the wait is over
  std::optional<Session> again = store.take("r");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->info().name, "later");
  again->commit(0, "1", "1");
  EXPECT_EQ(store.find("later")->error, "");
  EXPECT_FALSE(store.take("r"));
}

TEST_F(PostgresStoreTest, WithdrawnSessionsAreNobodys) {
  SessionStore store(address_);
  queue(store, "s");
  std::optional<Session> taken = store.take("r");
  ASSERT_TRUE(taken);
  EXPECT_TRUE(store.withdraw("s"));
  EXPECT_FALSE(store.withdraw("none"));
  EXPECT_THAT(error_of([&] { taken->commit(0, "1", "1"); }), HasSubstr("was taken from it"));
  EXPECT_FALSE(store.take("r"));
  EXPECT_STREQ(state_of(*store.find("s")), "stopped");
  EXPECT_TRUE(store.remove("s"));
}

std::string made_text(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "line " + std::to_string(text.size()) + "\n";
  return text;
}

std::string all_of(DocumentSource& source) {
  std::string text;
  char buffer[10'000];
  while (const std::size_t count = source.read(buffer)) text.append(buffer, count);
  return text;
}

TEST_F(PostgresStoreTest, DocumentsAreKeptOnceAndGoWithTheirLastSession) {
  const std::string text = made_text(3'500'000);  // four parts
  SessionStore store(address_);
  const auto begin = [&](const std::string& name) {
    const std::unique_ptr<DocumentSource> source = text_source(text, "book");
    SessionSpec with_document = spec();
    with_document.document = fingerprint(*source);
    store.open(name, with_document, source.get());
    EXPECT_EQ(all_of(*source).size(), text.size()) << "it was not rewound";
  };
  begin("one");
  begin("two");
  { const Session none = store.open("none", spec()); }
  EXPECT_EQ(store.open_document("none"), nullptr);
  const std::unique_ptr<DocumentSource> kept = store.open_document("one");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->total_bytes(), static_cast<std::int64_t>(text.size()));
  EXPECT_EQ(kept->name(), "book");
  EXPECT_EQ(all_of(*kept), text);
  kept->rewind();
  EXPECT_EQ(all_of(*kept), text);

  const auto parts_are = [&](int parts) {
    sql("DO $$ BEGIN ASSERT (SELECT count(*) FROM memagent.document_part) = " +
        std::to_string(parts) + "; END $$");
  };
  parts_are(4);
  EXPECT_TRUE(store.remove("one"));
  parts_are(4);
  EXPECT_TRUE(store.remove("two"));
  parts_are(0);
  kept->rewind();
  EXPECT_THAT(error_of([&] { all_of(*kept); }), HasSubstr("3: book: the document ends after 0"));
}

TEST_F(PostgresStoreTest, ADocumentThatIsAnotherLeavesNothing) {
  SessionStore store(address_);
  const std::unique_ptr<DocumentSource> source = text_source("changed since", "book");
  SessionSpec with_document = spec();
  with_document.document = {"book", 13, 1};
  EXPECT_THAT(error_of([&] { store.open("s", with_document, source.get()); }),
              HasSubstr("3: book: the document changed while it was being stored"));
  EXPECT_FALSE(store.find("s"));
}

TEST_F(PostgresStoreTest, AServerThatGoesAwayAndComesBack) {
  SessionStore store(address_, SessionStore::Mode::kCreate, {.lease = std::chrono::hours(1)});
  Session session = store.open("s", spec());
  session.commit(0, "1", "1");
  PostgresServer::shared().stop();
  const auto gone = AllOf(StartsWith("4: session store: postgres://memagent@/"),
                          HasSubstr("cannot be reached"), Not(HasSubstr("\n")));
  EXPECT_THAT(error_of([&] { session.commit(0, "2", "2"); }), gone);
  EXPECT_THAT(error_of([&] { store.list(); }), gone);
  EXPECT_THAT(error_of([&] { SessionStore other(address_); }), gone);
  PostgresServer::shared().start();
  // The same process has it again long before the lease runs out: nobody else can have it.
  { const Session dropped = std::move(session); }
  const auto open_again = [&] {
    while (true) {
      try {
        return store.open("s", spec());
      } catch (const Error&) {
      }
      poll(nullptr, 0, 50);
    }
  };
  Session again = open_again();
  EXPECT_EQ(again.info().states_json[0], "1");
  again.commit(0, "2", "2");
}

// A server that kept a step waiting for ever kept everybody who is read to waiting.
TEST_F(PostgresStoreTest, AServerThatStallsIsNotWaitedForWithoutEnd) {
  SessionStore store(address_, SessionStore::Mode::kCreate, {.lease = std::chrono::seconds(1)});
  Session session = store.open("s", spec());
  sql("CREATE FUNCTION memagent.stall() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'; "
      "CREATE TRIGGER stall BEFORE UPDATE ON memagent.session FOR EACH ROW "
      "WHEN (NEW.steps > OLD.steps) EXECUTE FUNCTION memagent.stall()");
  EXPECT_THAT(error_of([&] { session.commit(0, "1", "1"); }),
              AllOf(StartsWith("4: session store: postgres://memagent@/"),
                    HasSubstr("no answer within 5 s"), Not(HasSubstr("\n"))));
}

TEST_F(PostgresStoreTest, ManyMayBeginAtOnceAndAnotherVersionIsRefused) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(error_of([&] { SessionStore store(address_); }), ""); });
  }
  for (std::thread& thread : threads) thread.join();
  sql("UPDATE memagent.store SET version = 2");
  EXPECT_THAT(error_of([&] { SessionStore store(address_); }),
              HasSubstr("3: session store: postgres://memagent@/"));
  EXPECT_THAT(error_of([&] { SessionStore store(address_); }), HasSubstr("has schema version 2"));
}

TEST(StoreLocation, PasswordsAreNotShown) {
  EXPECT_EQ(shown_store("postgres://me:secret@host:5433/db?password=secret"),
            "postgres://me@host:5433/db");
  EXPECT_EQ(shown_store("postgresql://host/db"), "postgresql://host/db");
  EXPECT_EQ(shown_store("postgres://me:sec?ret@host/db?x=1"), "postgres://me@host/db");
  EXPECT_EQ(shown_store("postgres://me:sec/r@et@host/db"), "postgres://me@host/db");
  EXPECT_EQ(shown_store("postgres://me:sec/r?et@host/db"), "postgres://me@host/db");
  EXPECT_EQ(shown_store("postgres://host:5433/db?password=secr@et"), "postgres://host:5433/db");
  EXPECT_EQ(shown_store("postgres://[::1]/db?password=secr@et"), "postgres://[::1]/db");
  EXPECT_EQ(shown_store("/a/b:c@d.sqlite"), "/a/b:c@d.sqlite");
  EXPECT_THAT(error_of([] { SessionStore store("postgres://me:secret@host/db?what=1"); }),
              AllOf(StartsWith("2: --store: postgres://me@host/db: "), HasSubstr("what"),
                    Not(HasSubstr("secret"))));
  EXPECT_THAT(error_of([] { SessionStore store("postgres://me:secret@[host/db"); }),
              AllOf(StartsWith("2: --store: "), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace memagent
