// What is told of sessions to those who watch them: steps with the memory where it changed, the
// text behind a step, several questions at once.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <set>

#include "format/temporary_folder.h"
#include "server/serving.h"

namespace memagent::test {
namespace {

using nlohmann::json;

constexpr const char* kChat = "/v1/chat/completions";

// The memory becomes the question's first character and the section's, but for sections of "b";
// the answer is the memory.
std::string reader(const std::string& prompt) {
  const std::string question = prompt.substr(prompt.find("Q:") + 2, 1);
  const std::string memory = prompt.substr(prompt.find(" M:") + 3, 2);
  const std::size_t section = prompt.find(" S:");
  if (section == std::string::npos) return "answer " + memory;
  const std::string first = prompt.substr(section + 3, 1);
  return first == "b" ? memory : question + first;
}

class Watching {
 public:
  explicit Watching(const BlockingModel::Script& script = reader)
      : files_(FileStoreOptions{.folder = folder_.path("files"), .max_file_bytes = 1000}),
        sessions_({folder_.path("store"),
                   [](const std::vector<std::string>& paths) {
                     return json{{"files", paths}}.dump();
                   }},
                  files_),
        serving_(script, [&](ServerOptions& options) {
          options.completions.files = options.files = &files_;
          options.completions.sessions = options.sessions = &sessions_;
        }) {}

  // Reads a document of a file under a name.
  json read(const std::string& name, const std::string& text,
            const std::vector<std::string>& questions) {
    FileStore::Upload upload = files_.begin();
    upload.write(text);
    id = upload.commit("notes.txt", "user_data", "").id;
    const json body = {
        {"messages",
         {{{"role", "user"}, {"content", {{{"type", "file"}, {"file", {{"file_id", id}}}}}}}}},
        {"memagent", {{"session", name}, {"questions", questions}}}};
    const auto [status, reply] = serving_.post(kChat, body);
    EXPECT_EQ(status, 200) << reply;
    return reply;
  }
  std::pair<int, json> get(const std::string& path) {
    const httplib::Result result = serving_.client().Get("/v1" + path);
    return {result->status, json::parse(result->body)};
  }
  Serving& serving() { return serving_; }
  FileStore& files() { return files_; }

  std::string id;

 private:
  TemporaryFolder folder_;
  FileStore files_;
  SessionKeeper sessions_;
  Serving serving_;
};

std::string letters(const std::string& each) {
  std::string text;
  for (const char letter : each) text += std::string(20, letter);
  return text;
}

TEST(SessionView, StepsHaveTheMemoryWhereItChanged) {
  Watching watching;
  watching.read("book", letters("abc"), {"x?"});
  const auto [status, reply] = watching.get("/sessions/book/steps");
  EXPECT_EQ(status, 200);
  EXPECT_EQ(reply["data"], json::parse(R"([
      {"question":0,"kind":"update","pass":0,"section":0,"bytes":[0,20],"decision":"overwrite",
       "memory":"xa"},
      {"question":0,"kind":"update","pass":0,"section":1,"bytes":[20,40],"decision":"overwrite"},
      {"question":0,"kind":"update","pass":0,"section":2,"bytes":[40,60],"decision":"overwrite",
       "memory":"xc"},
      {"question":0,"kind":"answer","pass":0,"decision":"answer"}])"));
  EXPECT_EQ(reply["next"], 4);
  EXPECT_EQ(reply["has_more"], false);
  EXPECT_EQ(reply["session"], watching.get("/sessions/book").second);
  EXPECT_EQ(reply["session"]["document"],
            json({{"file_id", watching.id}, {"filename", "notes.txt"}}));
}

// What a watcher puts together of pieces is what it would have been told at once.
TEST(SessionView, StepsComeInPieces) {
  Watching watching;
  watching.read("book", letters("abcba"), {"x?", "y?"});
  const json whole = watching.get("/sessions/book/steps").second["data"];
  ASSERT_EQ(whole.size(), 12U);
  for (const int limit : {1, 2, 5, 11}) {
    json together = json::array();
    json reply = {{"has_more", true}, {"next", 0}};
    while (reply["has_more"]) {
      reply = watching
                  .get("/sessions/book/steps?after=" + reply["next"].dump() +
                       "&limit=" + std::to_string(limit))
                  .second;
      EXPECT_LE(reply["data"].size(), static_cast<std::size_t>(limit));
      for (const json& step : reply["data"]) together.push_back(step);
    }
    EXPECT_EQ(together, whole) << limit;
  }
  EXPECT_EQ(watching.get("/sessions/book/steps?after=12").second["data"], json::array());
  EXPECT_EQ(watching.get("/sessions/book/steps?after=99").second["next"], 12);
  for (const char* wrong : {"after=-1", "after=x", "limit=1.5", "after=99999999999999999999"}) {
    EXPECT_EQ(watching.get(std::string("/sessions/book/steps?") + wrong).first, 400) << wrong;
  }
  EXPECT_EQ(watching.get("/sessions/none/steps").first, 404);
}

// Offsets of steps count the text after its repair: without a byte order mark (a file's, and the
// text's own), with three bytes for each invalid one.
TEST(SessionView, TheTextOfASectionIsWhatTheModelRead) {
  std::vector<std::string> sections;
  Watching watching([&](const std::string& prompt) {
    const std::size_t section = prompt.find(" S:");
    if (section != std::string::npos) {
      sections.push_back(prompt.substr(section + 3, prompt.find(" R:") - section - 3));
    }
    return std::string("m");
  });
  watching.read("book",
                "\xEF\xBB\xBF\xEF\xBB\xBFone \xFF two \xC3\xA4\xC3 three and so on, to its end",
                {"x?"});
  const json steps = watching.get("/sessions/book/steps").second["data"];
  ASSERT_EQ(steps.size(), sections.size() + 1);
  std::string whole;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const json reply = watching
                           .get("/sessions/book/text?begin=" + steps[i]["bytes"][0].dump() +
                                "&end=" + steps[i]["bytes"][1].dump())
                           .second;
    EXPECT_EQ(reply["bytes"], steps[i]["bytes"]);
    EXPECT_EQ(sections[i].rfind(reply["text"].get<std::string>(), 0), 0U)
        << sections[i] << " / " << reply;
    whole += reply["text"];
  }
  EXPECT_EQ(whole, "one \xEF\xBF\xBD two \xC3\xA4\xEF\xBF\xBD three and so on, to its end");
  EXPECT_EQ(watching.get("/sessions/book/text").second["text"], whole);
  EXPECT_EQ(watching.get("/sessions/book/text?begin=1000").second["text"], "");
  EXPECT_EQ(watching.get("/sessions/book/text?begin=2&end=1").first, 400);
  watching.files().remove(watching.id, "");
  const auto [status, reply] = watching.get("/sessions/book/text");
  EXPECT_EQ(status, 404);
  EXPECT_EQ(reply["error"]["code"], "document_not_found");
  EXPECT_FALSE(watching.get("/sessions/book").second.contains("document"));
}

TEST(SessionView, SeveralQuestionsAreChoices) {
  Watching watching;
  const json reply = watching.read("book", letters("abc"), {"x?", "y?", "z?"});
  ASSERT_EQ(reply["choices"].size(), 3U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reply["choices"][i]["index"], i);
    EXPECT_EQ(reply["choices"][i]["message"]["content"], std::string("answer ") + "xyz"[i] + "c");
    EXPECT_EQ(reply["choices"][i]["finish_reason"], "stop");
  }
  EXPECT_EQ(reply["memagent"]["memory"], "xc");
  EXPECT_EQ(reply["choices"][2]["memagent"]["memory"], "zc");
  const json session = watching.get("/sessions/book").second;
  EXPECT_EQ(session["status"], "finished");
  EXPECT_EQ(session["questions"][1]["question"], "y?");
  EXPECT_EQ(session["questions"][1]["answer"], "answer yc");
}

TEST(SessionView, SeveralQuestionsAreStreamed) {
  Watching watching;
  json body = chat(letters("abc"));
  body["stream"] = true;
  body["memagent"] = {{"questions", {"x?", "y?"}}};
  const auto result = watching.serving().client().Post(kChat, body.dump(), "application/json");
  std::vector<std::string> answers(2);
  std::vector<std::string> reasons(2);
  bool told = false;
  for (const json& event : events_of(result->body)) {
    if (event.is_string()) continue;
    const json& choice = event["choices"][0];
    const auto index = choice["index"].get<std::size_t>();
    answers[index] += choice["delta"].value("content", "");
    if (!choice["finish_reason"].is_null()) reasons[index] = choice["finish_reason"];
    told = told || event.value("memagent", json::object()).contains("question");
  }
  EXPECT_EQ(answers, (std::vector<std::string>{"answer xc", "answer yc"}));
  EXPECT_EQ(reasons, (std::vector<std::string>{"stop", "stop"}));
  EXPECT_TRUE(told);
}

// The model stops in the middle of each answer until the client has what there is of it.
TEST(SessionView, EveryAnswerIsStreamedAsItGrows) {
  Watching watching;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> begun;  // choices that the client has words of
  std::size_t answers = 0;
  watching.serving().model.after_text = [&](std::size_t bytes) {
    if (bytes != 5) return;  // memories have two
    std::unique_lock lock(mutex);
    ++answers;
    changed.wait(lock, [&] { return begun.size() >= answers; });
  };
  json body = chat(letters("abc"));
  body["memagent"] = {{"questions", {"x?", "y?", "z?"}}};
  const std::string all = stream_chat(watching.serving(), body, [&](const std::string& so_far) {
    const std::lock_guard lock(mutex);
    for (const char* index : {"0", "1", "2"}) {
      const std::string words = fmt::format(
          R"("index":{},"logprobs":null,"finish_reason":null,"delta":{{"content":"a)", index);
      if (so_far.find(words) != std::string::npos) begun.insert(index);
    }
    changed.notify_all();
  });
  EXPECT_EQ(begun.size(), 3U);
  std::vector<std::string> told(3);
  for (const json& event : events_of(all)) {
    if (!event.is_object()) continue;
    const json& choice = event["choices"][0];
    told[choice["index"].get<std::size_t>()] += choice["delta"].value("content", "");
  }
  EXPECT_EQ(told, (std::vector<std::string>{"answer xc", "answer yc", "answer zc"}));
}

TEST(SessionView, SeveralQuestionsAreResumed) {
  Watching watching;
  std::thread client;
  watching.serving().model.hold();
  client = std::thread([&] { watching.read("book", letters("abc"), {"x?", "y?"}); });
  watching.serving().model.wait_for_running(2);
  EXPECT_EQ(watching.serving().client().Post("/v1/sessions/book/cancel")->status, 200);
  client.join();
  watching.serving().model.release();
  EXPECT_EQ(watching.serving().client().Post("/v1/sessions/book/resume")->status, 202);
  while (watching.get("/sessions/book").second["status"] != "finished") std::this_thread::yield();
  EXPECT_EQ(watching.get("/sessions/book").second["questions"][1]["answer"], "answer yc");
}

TEST(SessionView, QuestionsAreRefusedWhereTheyCannotBeMeant) {
  Watching watching;
  for (const json& questions : {json("x?"), json::array(), json({1}), json({"x?", " \n"}),
                                json(std::vector<std::string>(33, "x?"))}) {
    json body = chat("text");
    body["memagent"] = {{"questions", questions}};
    const auto [status, reply] = watching.serving().post(kChat, body);
    EXPECT_EQ(status, 400) << questions;
    EXPECT_EQ(reply["error"]["param"], "memagent.questions");
  }
  json both = chat("text");
  both["memagent"] = {{"questions", {"x?"}}, {"question", "y?"}};
  EXPECT_EQ(watching.serving().post(kChat, both).first, 400);
}

TEST(SessionView, TheListIsAsLongAsWanted) {
  Watching watching;
  watching.read("one", letters("a"), {"x?"});
  watching.read("two", letters("a"), {"x?"});
  EXPECT_EQ(watching.get("/sessions?limit=1").second["data"].size(), 1U);
  EXPECT_EQ(watching.get("/sessions?limit=1").second["has_more"], true);
  EXPECT_EQ(watching.get("/sessions").second["data"].size(), 2U);
  EXPECT_EQ(watching.get("/sessions").second["has_more"], false);
  EXPECT_EQ(watching.get("/sessions?limit=many").first, 400);
  EXPECT_EQ(watching.get("/sessions?limit=0").first, 400);
  EXPECT_EQ(watching.get("/sessions?limit=1001").first, 400);
}

// As OpenAI's lists are gone through; a session that changes meanwhile keeps its place.
TEST(SessionView, TheListComesInParts) {
  Watching watching;
  for (const char* name : {"one", "two", "three", "four", "a:b"}) {
    watching.read(name, letters("a"), {"x?"});
  }
  std::string together;
  std::string after;
  json part;
  do {
    part = watching.get("/sessions?limit=2" + (after.empty() ? "" : "&after=" + after)).second;
    EXPECT_EQ(part["object"], "list");
    EXPECT_EQ(part["first_id"], part["data"].front()["id"]);
    EXPECT_EQ(part["last_id"], part["data"].back()["id"]);
    for (const json& session : part["data"]) together += session["id"].get<std::string>() + " ";
    after = part["last_id"];
    if (after == "four") watching.read("one", letters("a"), {"x?"});
  } while (part["has_more"]);
  EXPECT_EQ(together, "a:b four three two one ");
  const json last = watching.get("/sessions?after=one").second;
  EXPECT_EQ(last["data"], json::array());
  EXPECT_EQ(last["has_more"], false);
  const auto [status, reply] = watching.get("/sessions?after=none");
  EXPECT_EQ(status, 404);
  EXPECT_EQ(reply["error"]["code"], "session_not_found");
}

TEST(SessionView, TheModelSaysWhatMayBeUploaded) {
  Watching watching;
  EXPECT_EQ(watching.get("/models").second["data"][0]["memagent"]["max_file_bytes"], 1000);
}

// A browser on this machine may have any site open.
TEST(Page, OfAnotherSiteMayNotAskAServerWithoutKeys) {
  Serving serving(reader);
  const auto status = [&](const char* method, const char* from, const char* path) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = {{"Sec-Fetch-Site", from}, {"Content-Type", "text/plain"}};
    request.body = method == std::string("POST") ? chat("Hello").dump() : "";
    return serving.client().send(request)->status;
  };
  EXPECT_EQ(status("POST", "cross-site", kChat), 403);
  EXPECT_EQ(status("GET", "cross-site", "/v1/models"), 403);
  EXPECT_EQ(status("POST", "same-origin", kChat), 200);
  EXPECT_EQ(status("POST", "none", kChat), 200);
  EXPECT_NE(status("GET", "cross-site", "/"), 403);  // a link to it
}

TEST(Page, IsServedToWhoeverAsks) {
  Serving serving(reader, [](ServerOptions& options) {
    options.keys = ApiKeys::parse(
        "alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "keys");
  });
  const httplib::Result page = serving.client().Get("/");
  if (page->status == 404) GTEST_SKIP() << "built without";
  EXPECT_EQ(page->status, 200);
  EXPECT_EQ(page->get_header_value("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page->get_header_value("Content-Security-Policy"), "frame-ancestors 'none'");
  EXPECT_NE(page->body.find("default-src 'none'; script-src 'sha256-"), std::string::npos);
  EXPECT_EQ(serving.client().Get("/v1/models")->status, 401);
}

}  // namespace
}  // namespace memagent::test
