// Servers over a store that machines share (a real PostgreSQL): what one leaves, another finishes;
// a store that is away is 503 until it is back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>

#include "agent/reading.h"
#include "format/temporary_folder.h"
#include "server/serving.h"
#include "server/session_taker.h"
#include "session/fingerprint.h"
#include "support/postgres_server.h"

namespace memagent::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kChat = "/v1/chat/completions";

// A server on a machine of its own: only the store is shared. Takes queued sessions if told to.
class Machine {
 public:
  Machine(const std::string& store, bool takes)
      : files_(FileStoreOptions{.folder = folder_.path("files")}),
        sessions_({store,
                   [](const std::vector<std::string>& paths) {
                     return json{{"files", paths}}.dump();
                   },
                   "blocking"},
                  files_),
        serving_(first_letters, [&](ServerOptions& options) {
          options.completions.files = options.files = &files_;
          options.completions.sessions = options.sessions = &sessions_;
          plan_ = options.completions.plan;
        }) {
    if (!takes) return;
    SessionTakerOptions taking;
    taking.reader = "blocking";
    taking.plan = plan_;
    taking.poll = std::chrono::milliseconds(20);
    taking.say = [this](const TakerNews& news) {
      const std::lock_guard lock(mutex_);
      news_.push_back(json{{"what", news.what}, {"error", news.error}, {"line", news.line}});
    };
    taker_ = std::make_unique<SessionTaker>(
        serving_.model, plain_renderer(), serving_.server->service(),
        [this] { return sessions_.any_store(); }, std::move(taking));
  }

  Serving& serving() { return serving_; }
  FileStore& files() { return files_; }
  int status(const std::string& path) { return serving_.client().Get(path)->status; }
  json get(const std::string& path) {
    return json::parse(serving_.client().Get("/v1/sessions" + path)->body);
  }
  int post(const std::string& path) {
    return serving_.client().Post("/v1/sessions" + path)->status;
  }
  // The first news of this kind, which is waited for.
  json wait_for_news(const std::string& what) {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        for (const json& news : news_) {
          if (news["what"] == what) return news;
        }
      }
      poll(nullptr, 0, 10);
    }
  }
  json wait_until(const std::string& name, const std::string& status) {
    while (true) {
      json session = get("/" + name);
      if (session.value("status", "") == status) return session;
      poll(nullptr, 0, 10);
    }
  }

 private:
  TemporaryFolder folder_;
  FileStore files_;
  SessionKeeper sessions_;
  std::function<ReadingPlan(const std::string&)> plan_;
  Serving serving_;
  std::mutex mutex_;
  std::vector<json> news_;
  std::unique_ptr<SessionTaker> taker_;  // goes first
};

class SharedSessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresServer::programs().empty()) {
      GTEST_SKIP() << "PostgreSQL is not installed; run `make test`";
    }
    store_ = PostgresServer::shared().new_database();
  }
  std::string store_;
};

TEST_F(SharedSessionsTest, WhatOneMachineLeavesAnotherFinishes) {
  {
    Machine first(store_, false);
    first.serving().model.hold();
    const RawClient client(first.serving().port());
    client.send(post_bytes(kChat, asking("book").dump()));
    first.serving().model.wait_for_running(1);
    first.serving().model.release_one();
    first.serving().model.wait_for_submitted(2);
    EXPECT_EQ(first.get("/book")["status"], "running");
    first.serving().server->stop(std::chrono::milliseconds(0));
  }
  Machine second(store_, true);
  const json session = second.wait_until("book", "finished");
  EXPECT_EQ(second.wait_for_news("taken_up")["line"], "session 'book': taken up at step 1");
  EXPECT_EQ(second.wait_for_news("finished")["line"], "session 'book': finished, 3 sections");
  EXPECT_EQ(session["questions"][0]["answer"], "answer mc");
  EXPECT_EQ(session["conversations"], 4);
  // The request again gives the answer, on whichever machine.
  Machine third(store_, false);
  EXPECT_EQ(third.serving().post(kChat, asking("book")).second["choices"][0]["message"]["content"],
            "answer mc");
}

// The store has the document, wherever it was sent to, and tells what a section was cut from.
TEST_F(SharedSessionsTest, TheTextOfASectionIsToldByAnyMachine) {
  Machine first(store_, false);
  EXPECT_EQ(first.serving().post(kChat, asking("book")).first, 200);
  FileStore::Upload upload = first.files().begin();
  upload.write(
      "\xEF\xBB\xBF"
      "one \xFF two");
  const std::string id = upload.commit("notes.txt", "user_data", "").id;
  const json of_file = {{"messages",
                         {{{"role", "user"},
                           {"content",
                            {{{"type", "file"}, {"file", {{"file_id", id}}}},
                             {{"type", "text"}, {"text", "Who?"}}}}}}},
                        {"memagent", {{"session", "notes"}}}};
  EXPECT_EQ(first.serving().post(kChat, of_file).first, 200);
  EXPECT_EQ(first.get("/notes")["document"], json({{"file_id", id}, {"filename", "notes.txt"}}));

  Machine second(store_, false);
  EXPECT_EQ(second.get("/book/text?begin=15&end=45")["text"],
            "aaaaa" + std::string(20, 'b') + "ccccc");
  EXPECT_EQ(second.get("/book")["document"], json({{"filename", "session book"}}));
  EXPECT_EQ(second.get("/notes/text")["text"], "one \xEF\xBF\xBD two");
  EXPECT_EQ(second.get("/notes")["document"], json({{"filename", "notes.txt"}}));
  first.files().remove(id, "");
  EXPECT_EQ(first.get("/notes/text")["text"], "one \xEF\xBF\xBD two");

  // One of the command line, which was queued over a file of its own.
  SessionSpec spec;
  spec.sources_json = R"({"files": ["/home/me/letters.txt"]})";
  spec.questions = {"Who?"};
  const auto document = text_source("Dear Ada,");
  spec.document = {"/home/me/letters.txt", 9, fingerprint(*document).hash};
  SessionStore(store_).open("ask", spec, document.get());
  EXPECT_EQ(first.get("/ask/text?begin=5")["text"], "Ada,");
  EXPECT_EQ(first.get("/ask")["document"], json({{"filename", "letters.txt"}}));
}

TEST_F(SharedSessionsTest, AreCancelledAndResumedOnAnyMachine) {
  Machine reading(store_, true);
  Machine other(store_, false);
  reading.serving().model.hold();
  const RawClient client(reading.serving().port());
  client.send(post_bytes(kChat, asking("book").dump()));
  reading.serving().model.wait_for_running(1);
  EXPECT_EQ(other.post("/book/cancel"), 200);
  // Whoever reads it cannot write any more, and drops it; it is in nobody's queue.
  EXPECT_EQ(other.get("/book")["status"], "stopped");
  reading.serving().model.release();
  EXPECT_THAT(client.read_until("taken from it"), HasSubstr("503"));
  EXPECT_EQ(other.get("/book")["conversations"], 0);
  EXPECT_EQ(other.post("/book/resume"), 202);
  EXPECT_EQ(other.wait_until("book", "finished")["questions"][0]["answer"], "answer mc");
}

TEST_F(SharedSessionsTest, AStoreThatIsAwayIs503AndItsSessionsGoOnWhenItIsBack) {
  Machine machine(store_, true);
  EXPECT_EQ(machine.serving().post(kChat, asking("before")).first, 200);
  machine.serving().model.hold();
  const RawClient client(machine.serving().port());
  client.send(post_bytes(kChat, asking("book").dump()));
  machine.serving().model.wait_for_running(1);
  PostgresServer::shared().stop();
  EXPECT_EQ(machine.status("/v1/sessions"), 503);
  EXPECT_EQ(machine.status("/v1/sessions/before"), 503);
  const auto [status, refused] = machine.serving().post(kChat, asking("new"));
  EXPECT_EQ(status, 503);
  // Its address is nobody's business.
  EXPECT_EQ(refused["error"]["message"], "the server's store does not answer: try again later");
  EXPECT_EQ(refused["error"]["code"], "unreachable");
  EXPECT_EQ(machine.status("/health"), 200);
  machine.serving().model.release();
  EXPECT_THAT(client.read_until("does not answer"), HasSubstr("503"));
  // What needs no store goes on.
  EXPECT_EQ(machine.serving().post(kChat, chat("Hello")).first, 200);
  EXPECT_EQ(machine.wait_for_news("unreachable")["error"], "unreachable");
  PostgresServer::shared().start();
  EXPECT_EQ(machine.wait_until("book", "finished")["questions"][0]["answer"], "answer mc");
  EXPECT_EQ(machine.serving().post(kChat, asking("new")).first, 200);
}

}  // namespace
}  // namespace memagent::test
