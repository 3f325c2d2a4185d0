// Sessions over HTTP: readings that outlive their clients and their server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "format/temporary_folder.h"
#include "memagent/error.h"
#include "server/api_error.h"
#include "server/serving.h"

namespace memagent::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kChat = "/v1/chat/completions";

// A server over a store that outlives it.
class Keeping {
 public:
  explicit Keeping(const TemporaryFolder& folder,
                   const BlockingModel::Script& script = first_letters)
      : files_(FileStoreOptions{.folder = folder.path("files")}),
        sessions_({folder.path("store"),
                   [](const std::vector<std::string>& paths) {
                     return json{{"files", paths}}.dump();
                   }},
                  files_),
        serving_(
            [this, script](const std::string& prompt) {
              ++calls;
              return script(prompt);
            },
            [&](ServerOptions& options) {
              options.completions.files = options.files = &files_;
              options.completions.sessions = options.sessions = &sessions_;
            }) {}

  json get(const std::string& path) {
    return json::parse(serving_.client().Get("/v1/sessions" + path)->body);
  }
  int post(const std::string& path) {
    return serving_.client().Post("/v1/sessions" + path)->status;
  }
  int remove(const std::string& path) {
    return serving_.client().Delete("/v1/sessions" + path)->status;
  }
  json wait_until(const std::string& name, const std::string& status) {
    while (true) {
      const json session = get("/" + name);
      if (session["status"] == status) return session;
      std::this_thread::yield();
    }
  }
  Serving& serving() { return serving_; }
  SessionKeeper& sessions() { return sessions_; }
  FileStore& files() { return files_; }

  std::atomic<int> calls{0};

 private:
  FileStore files_;
  SessionKeeper sessions_;
  Serving serving_;
};

TEST(ServerSessions, KeepEveryStep) {
  const TemporaryFolder folder;
  Keeping keeping(folder);
  EXPECT_EQ(keeping.get("")["data"], json::array());
  const auto [status, reply] = keeping.serving().post(kChat, asking("book"));
  EXPECT_EQ(status, 200) << reply;
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "answer mc");

  const json session = keeping.get("/book");
  EXPECT_EQ(session["object"], "session");
  EXPECT_EQ(session["status"], "finished");
  EXPECT_EQ(session["conversations"], 4);
  EXPECT_EQ(session["document_bytes"], 60);
  EXPECT_EQ(session["questions"][0]["question"], "Who is it?");
  EXPECT_EQ(session["questions"][0]["sections"], 3);
  EXPECT_EQ(session["questions"][0]["memory"], "mc");
  EXPECT_EQ(session["questions"][0]["answer"], "answer mc");
  EXPECT_EQ(keeping.get("")["data"], json::array({session}));

  const std::string trace = keeping.serving().client().Get("/v1/sessions/book/trace")->body;
  EXPECT_EQ(std::count(trace.begin(), trace.end(), '\n'), 4);
  EXPECT_EQ(json::parse(trace.substr(0, trace.find('\n')))["memory"], "ma");

  // Asked again, it is not read again.
  EXPECT_EQ(keeping.calls, 4);
  EXPECT_EQ(
      keeping.serving().post(kChat, asking("book")).second["choices"][0]["message"]["content"],
      "answer mc");
  EXPECT_EQ(keeping.calls, 4);
}

TEST(ServerSessions, GoOnWithoutTheirClient) {
  const TemporaryFolder folder;
  Keeping keeping(folder);
  keeping.serving().model.hold();
  {
    const RawClient client(keeping.serving().port());
    client.send(post_bytes(kChat, asking("book").dump()));
    keeping.serving().model.wait_for_running(1);
  }
  EXPECT_EQ(keeping.get("/book")["status"], "running");
  EXPECT_EQ(keeping.remove("/book"), 409);
  EXPECT_EQ(keeping.serving().post(kChat, asking("book")).first, 409);
  keeping.serving().model.release();
  EXPECT_EQ(keeping.wait_until("book", "finished")["questions"][0]["answer"], "answer mc");
}

TEST(ServerSessions, AreResumedWhereTheyStopped) {
  const TemporaryFolder folder;
  std::string whole;
  {
    const TemporaryFolder other;
    Keeping keeping(other);
    keeping.serving().post(kChat, asking("book"));
    whole = keeping.sessions().trace("book", "");
  }
  {
    // Stops before the second section.
    Keeping* server = nullptr;
    Keeping keeping(folder, [&](const std::string& prompt) {
      server->serving().model.hold();
      return first_letters(prompt);
    });
    server = &keeping;
    std::thread client(
        [&] { EXPECT_EQ(keeping.serving().post(kChat, asking("book")).first, 503); });
    while (keeping.calls == 0) std::this_thread::yield();
    keeping.serving().model.wait_for_running(1);
    keeping.serving().server->stop(std::chrono::milliseconds(0));
    client.join();
    EXPECT_EQ(keeping.sessions().find("book", "").conversations, 1);
  }
  Keeping keeping(folder);
  EXPECT_EQ(keeping.get("/book")["status"], "stopped");
  EXPECT_EQ(keeping.post("/book/resume"), 202);
  EXPECT_EQ(keeping.wait_until("book", "finished")["questions"][0]["answer"], "answer mc");
  EXPECT_EQ(keeping.calls, 3);
  EXPECT_EQ(keeping.sessions().trace("book", ""), whole);
  EXPECT_EQ(keeping.post("/book/resume"), 202);  // there is nothing left to do
  EXPECT_EQ(keeping.calls, 3);
}

TEST(ServerSessions, AreCancelledAndDeleted) {
  const TemporaryFolder folder;
  Keeping keeping(folder);
  keeping.serving().model.hold();
  std::thread client([&] { keeping.serving().post(kChat, asking("book")); });
  keeping.serving().model.wait_for_running(1);
  EXPECT_EQ(keeping.post("/book/cancel"), 200);
  EXPECT_EQ(keeping.get("/book")["status"], "stopped");
  client.join();
  EXPECT_EQ(keeping.files().list("").size(), 1U);  // its document
  EXPECT_EQ(keeping.remove("/book"), 200);
  EXPECT_TRUE(keeping.files().list("").empty());
  EXPECT_EQ(keeping.remove("/book"), 404);
  EXPECT_EQ(keeping.post("/book/resume"), 404);
}

TEST(ServerSessions, AreNotContinuedAsSomethingElse) {
  const TemporaryFolder folder;
  Keeping keeping(folder);
  keeping.serving().post(kChat, asking("book"));
  auto [status, reply] = keeping.serving().post(kChat, asking("book", "Where is it?"));
  EXPECT_EQ(status, 400);
  EXPECT_THAT(reply["error"]["message"], HasSubstr("question 1 was"));
  json body = asking("book");
  body["memagent"]["document"] = kThreeSections + "more";
  std::tie(status, reply) = keeping.serving().post(kChat, body);
  EXPECT_EQ(status, 422);
  EXPECT_THAT(reply["error"]["message"], HasSubstr("has changed"));
  body = asking(std::string(300, 'n'));
  EXPECT_EQ(keeping.serving().post(kChat, body).first, 400);
}

TEST(ServerSessions, BelongToTheirKey) {
  const TemporaryFolder folder;
  Keeping keeping(folder);
  const auto open = [&](const std::string& owner) {
    return keeping.sessions().open("book", owner, "{}", {"Who?"}, text_source(kThreeSections), "");
  };
  open("alice");
  EXPECT_EQ(keeping.sessions().list("alice", "", 10).sessions.size(), 1U);
  EXPECT_TRUE(keeping.sessions().list("bob", "", 10).sessions.empty());
  EXPECT_TRUE(keeping.sessions().list("", "", 10).sessions.empty());
  EXPECT_THROW(keeping.sessions().list("bob", "book", 10), ApiError);  // nor is its place told
  EXPECT_THROW(keeping.sessions().find("book", "bob"), ApiError);
  EXPECT_THROW(keeping.sessions().trace("book", ""), ApiError);
  EXPECT_THROW(keeping.sessions().remove("book", "bob"), ApiError);
  EXPECT_THROW(open("bob"), ApiError);
  EXPECT_NO_THROW(open("alice"));
}

// One that was begun by `memagent ask` over a file that is gone: where it lay is not told.
TEST(ServerSessions, DoNotTellWhereTheirDocumentLay) {
  const TemporaryFolder folder;
  const std::string path = folder.write("of-somebody.txt", kThreeSections);
  {
    SessionStore store(folder.path("store"));
    SessionSpec spec;
    spec.questions = {"Who?"};
    spec.sources_json = json{{"files", {path}}}.dump();
    spec.document = {.name = path, .bytes = 60};
    store.open("book", spec);
  }
  Keeping keeping(folder);
  const auto message = [&] {
    const auto reply = keeping.serving().client().Post("/v1/sessions/book/resume");
    return std::to_string(reply->status) + " " +
           json::parse(reply->body)["error"]["message"].get<std::string>();
  };
  for (const std::string& content : {std::string("a\0b", 3), std::string("other")}) {
    folder.write("of-somebody.txt", content);
    EXPECT_THAT(message(), testing::StartsWith("422 "));
    EXPECT_THAT(message(), Not(HasSubstr("of-somebody")));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(message(), HasSubstr("the document of session 'book': cannot read it: "));
}

// Whoever has few sessions finds them among many of others.
TEST(ServerSessions, AreListedInPartsToTheirKeyAlone) {
  const TemporaryFolder folder;
  Keeping keeping(folder);
  for (int i = 0; i < 9; ++i) {
    const std::string owner = i % 4 == 0 ? "" : i % 4 == 1 ? "alice" : "alice \"b\"";
    keeping.sessions().open(std::to_string(i), owner, "{}", {"Who?"}, text_source(kThreeSections),
                            "");
  }
  const auto names = [&](const std::string& owner, const std::string& after, std::int64_t most) {
    const SessionKeeper::Part part = keeping.sessions().list(owner, after, most);
    std::string told;
    for (const SessionInfo& info : part.sessions) told += info.name;
    return told + (part.has_more ? " more" : "");
  };
  EXPECT_EQ(names("", "", 10), "840");
  EXPECT_EQ(names("", "", 3), "840");
  EXPECT_EQ(names("", "", 2), "84 more");
  EXPECT_EQ(names("", "4", 1), "0");
  EXPECT_EQ(names("", "8", 1), "4 more");
  EXPECT_EQ(names("alice", "", 1), "5 more");
  EXPECT_EQ(names("alice", "5", 1), "1");
  EXPECT_EQ(names("alice \"b\"", "", 3), "763 more");
  EXPECT_EQ(names("alice \"b\"", "3", 3), "2");
}

}  // namespace
}  // namespace memagent::test
