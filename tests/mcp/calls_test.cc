// Calls of the tools, from lines on a pipe to the messages that come back, over a scripted model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <latch>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/reading.h"
#include "base/fail.h"
#include "format/temporary_folder.h"
#include "mcp/ask_tool.h"
#include "mcp/mcp_server.h"
#include "mcp/status_tool.h"
#include "mcp/tools.h"
#include "server/blocking_model.h"
#ifdef MEMAGENT_TEST_POSTGRES
#include "support/postgres_server.h"
#endif

namespace memagent::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The memory becomes the question's first character and the section's; the answer is the memory.
std::string reader(const std::string& prompt) {
  const std::string question = prompt.substr(prompt.find("Q:") + 2, 1);
  const std::size_t section = prompt.find(" S:");
  if (section != std::string::npos) return question + prompt.substr(section + 3, 1);
  return "answer " + prompt.substr(prompt.find(" M:") + 3, 2);
}

const std::string kText = std::string(20, 'a') + std::string(20, 'b') + std::string(20, 'c');

json request(const json& id, const std::string& method, const json& params = json::object()) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
}
json ask(const json& id, const json& arguments) {
  return request(id, "tools/call", {{"name", "ask_documents"}, {"arguments", arguments}});
}
json status(const json& id, const json& arguments = json::object()) {
  return request(id, "tools/call", {{"name", "session_status"}, {"arguments", arguments}});
}
json cancelled(const json& id) {
  return {
      {"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", id}}}};
}

class CallsTest : public testing::Test {
 protected:
  explicit CallsTest(std::string store_location = "") : store(std::move(store_location)) {
    if (store.empty()) store = folder.path("store");
    std::filesystem::create_directory(folder.path("root"));
    std::ofstream(folder.path("root/doc.txt")) << kText;
    std::ofstream(folder.path("secret.txt")) << kText;
    start();
  }
  ~CallsTest() override { stop(); }

  void start() {
    ASSERT_EQ(pipe(input), 0);
    tool = std::make_unique<AskTool>([this] { return open(); }, AllowedFiles({folder.path("root")}),
                                     store);
    McpServer::Options options;
    options.protocol = {.version = "1", .most_calls = 8};
    options.most_line_bytes = 10'000;
    options.run_tool = [this](const ToolArguments& arguments,
                              const AskTool::OnProgress& on_progress, const std::stop_token& stop) {
      if (const auto* wanted = std::get_if<StatusArguments>(&arguments)) {
        return session_status(*wanted, store);
      }
      return tool->ask(std::get<AskArguments>(arguments), on_progress, stop);
    };
    options.send = [this](const std::string& message) {
      const std::lock_guard lock(mutex);
      if (deaf) throw Error(ErrorKind::kStorage, "nobody listens");
      sent.push_back(json::parse(message));
      changed.notify_all();
    };
    options.log = [this](const std::string& line) { log += line + "\n"; };
    server = std::make_unique<McpServer>(std::move(options));
    thread = std::thread([this] {
      try {
        server->run(input[0]);
      } catch (const Error& error) {
        end_error = error.what();
      }
    });
    tell(request("hello", "initialize", {{"protocolVersion", "2025-06-18"}}));
    reply("hello");
  }
  // The end of the input, and of the server.
  void stop() {
    if (!thread.joinable()) return;
    close(input[1]);
    thread.join();
    close(input[0]);
    server.reset();
    tool.reset();
  }

  OpenedModel open() {
    if (openings++ < failing_openings) throw Error(ErrorKind::kModel, "no model yet");
    OpenedModel opened;
    // The test keeps the model that it holds and releases.
    auto owned = std::make_unique<BlockingModel>([this](const std::string& prompt) {
      ++asked;
      return script(prompt);
    });
    model = owned.get();
    if (start_held) model->hold();
    opened.model = std::move(owned);
    opened.renderer = plain_renderer();
    opened.plan.config = small_config();
    opened.plan.config.section_tokens = 20;
    opened.plan.sections = {.section_tokens = 20, .cut = Cut::kExact};
    opened.sources = [](const std::vector<std::string>& files) {
      return json{{"files", files}}.dump();
    };
    opened.service =
        std::make_unique<ReadingService>(*opened.model, opened.renderer, ReadingServiceOptions());
    model_open = true;
    return opened;
  }

  void tell_line(std::string line) const {
    line += '\n';
    for (std::size_t at = 0; at < line.size();) {
      const ssize_t count = write(input[1], line.data() + at, line.size() - at);
      ASSERT_GT(count, 0);
      at += static_cast<std::size_t>(count);
    }
  }
  void tell(const json& message) const { tell_line(message.dump()); }

  // Waits for the reply to a request; keeps it from being found again.
  json reply(const json& id) {
    std::unique_lock lock(mutex);
    while (true) {
      for (auto it = sent.begin(); it != sent.end(); ++it) {
        if (!it->contains("id") || (*it)["id"] != id) continue;
        json found = *it;
        sent.erase(it);
        return found;
      }
      changed.wait(lock);
    }
  }
  json structured(const json& id) {
    const json message = reply(id);
    EXPECT_EQ(message["result"]["isError"], false) << message;
    return message["result"]["structuredContent"];
  }
  std::string tool_error(const json& id) {
    const json message = reply(id);
    EXPECT_TRUE(message["result"].value("isError", false)) << message;
    return message["result"]["content"][0]["text"];
  }
  // A call that waits for the held model.
  void begin_held(const json& message, std::size_t requests = 1) {
    start_held = true;
    if (model_open) model->hold();
    tell(message);
    while (!model_open) std::this_thread::yield();
    model->wait_for_running(requests);
  }
  // Until nobody runs the session: a cancelled call says nothing of its end.
  json when_stopped(const std::string& session) {
    while (true) {
      tell(status("look", {{"session", session}}));
      const json shown = structured("look")["sessions"][0];
      if (shown["status"] != "running") return shown;
    }
  }

  TemporaryFolder folder;
  std::string store;
  BlockingModel::Script script = reader;
  std::atomic<int> asked{0};
  int openings = 0;
  int failing_openings = 0;
  std::atomic<bool> start_held{false};
  std::atomic<bool> model_open{false};
  BlockingModel* model = nullptr;  // once it is open

  std::mutex mutex;  // of what is sent
  std::condition_variable changed;
  std::vector<json> sent;
  bool deaf = false;

  int input[2] = {-1, -1};
  std::string log;
  std::string end_error;
  std::unique_ptr<AskTool> tool;
  std::unique_ptr<McpServer> server;
  std::thread thread;
};

TEST_F(CallsTest, AnswersOverAText) {
  tell(ask(1, {{"question", "x?"}, {"text", kText}}));
  const json result = structured(1);
  EXPECT_EQ(result["answers"][0]["question"], "x?");
  EXPECT_EQ(result["answers"][0]["answer"], "answer xc");
  EXPECT_EQ(result["answers"][0]["memory"], "xc");
  EXPECT_EQ(result["sections"], 3);
  EXPECT_EQ(result["document_tokens"], 60);
  EXPECT_EQ(result["model"], "blocking");
  EXPECT_FALSE(result.contains("session"));
}

TEST_F(CallsTest, QuestionsShareOneReadingOfFiles) {
  std::ofstream(folder.path("root/more.txt")) << "zz";
  tell(ask(1, {{"questions", {"x?", "y?"}}, {"files", {"doc.txt", "more.txt"}}}));
  const json result = structured(1);
  EXPECT_EQ(result["answers"][0]["answer"].get<std::string>().substr(0, 8), "answer x");
  EXPECT_EQ(result["answers"][1]["answer"].get<std::string>().substr(0, 8), "answer y");
  EXPECT_EQ(result["document"], "2 files");
  EXPECT_GT(result["document_tokens"], 62);  // two headings more
}

TEST_F(CallsTest, FilesAndATextAreOneDocument) {
  tell(ask(1, {{"question", "x?"}, {"files", {"doc.txt"}}, {"text", "tail"}}));
  const json result = structured(1);
  EXPECT_THAT(result["document"].get<std::string>(), HasSubstr("doc.txt and a text"));
  EXPECT_GT(result["document_tokens"], 64);
}

TEST_F(CallsTest, ErrorsOfTheToolAreResults) {
  tell(ask(1, {{"question", "x?"}, {"files", {"../secret.txt"}}}));
  EXPECT_THAT(tool_error(1), HasSubstr("lies outside"));
  tell(ask(2, {{"question", "x?"}, {"files", {"none\n.txt"}}}));
  EXPECT_THAT(tool_error(2), HasSubstr("none .txt: there is no such file"));
  std::ofstream(folder.path("root/binary")) << std::string(100, '\0');
  tell(ask(3, {{"question", "x?"}, {"files", {"binary"}}}));
  EXPECT_THAT(tool_error(3), HasSubstr("not text"));
  tell(ask(4, {{"session", "none"}}));
  EXPECT_THAT(tool_error(4), HasSubstr("there is none of that name"));
  tell(status(5, {{"session", "none"}}));
  EXPECT_THAT(tool_error(5), HasSubstr("there is none of that name"));
  script = [](const std::string&) { return "!"; };
  tell(ask(6, {{"question", "x?"}, {"text", kText}}));
  EXPECT_THAT(tool_error(6), HasSubstr("told to fail"));
}

TEST_F(CallsTest, AModelThatCannotBeOpenedMayBeLater) {
  failing_openings = 1;
  tell(ask(1, {{"question", "x?"}, {"text", kText}}));
  EXPECT_THAT(tool_error(1), HasSubstr("no model yet"));
  for (const int id : {2, 3}) {
    tell(ask(id, {{"question", "x?"}, {"text", kText}}));
    EXPECT_EQ(structured(id)["answers"][0]["answer"], "answer xc");
  }
  EXPECT_EQ(openings, 2);
}

// The server ends when its calls have: each of them tried in turn what may take minutes.
TEST_F(CallsTest, CallsThatWaitForTheModelEndWithTheirStopOrWithTheOneThatTries) {
  std::latch may_fail(1);
  std::atomic<int> tries{0};
  AskTool waiting(
      [&]() -> OpenedModel {
        ++tries;
        may_fail.wait();
        throw Error(ErrorKind::kModel, "no model yet");
      },
      AllowedFiles({folder.path("root")}), store);
  const auto error_of_call = [&](const std::stop_token& stop) {
    AskArguments arguments;
    arguments.questions = {"x?"};
    arguments.text = kText;
    try {
      waiting.ask(
          arguments, [](const ToolProgress&) {}, stop);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto begin = [&](const std::stop_token& stop = {}) {
    return std::async(std::launch::async, error_of_call, stop);
  };
  auto first = begin();
  while (tries == 0) std::this_thread::yield();
  std::stop_source source;
  auto stopped = begin(source.get_token());
  std::vector<std::future<std::string>> others;
  for (int i = 0; i < 3; ++i) others.push_back(begin());
  source.request_stop();
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  poll(nullptr, 0, 300);  // until one of them at least has come to wait
  may_fail.count_down();
  EXPECT_THAT(first.get(), HasSubstr("no model yet"));
  EXPECT_THAT(stopped.get(), HasSubstr("stopped"));
  for (auto& other : others) EXPECT_THAT(other.get(), HasSubstr("no model yet"));
  EXPECT_LT(tries, 4);
}

// Clients check results against the schema.
TEST_F(CallsTest, TheSchemaOfAStatusHasEveryState) {
  const json schema = json::parse(tools_json())[1]["outputSchema"];
  const json states = schema["properties"]["sessions"]["items"]["properties"]["status"]["enum"];
  SessionInfo info;
  const auto known = [&] {
    return std::find(states.begin(), states.end(), state_of(info)) != states.end();
  };
  EXPECT_TRUE(known()) << state_of(info);
  info.error = "why";
  EXPECT_TRUE(known()) << state_of(info);
  info.queued = true;
  EXPECT_TRUE(known()) << state_of(info);
  info.running = true;
  EXPECT_TRUE(known()) << state_of(info);
  info.status = SessionStatus::kFinished;
  EXPECT_TRUE(known()) << state_of(info);
}

TEST_F(CallsTest, OthersAreAnsweredWhileOneIsRead) {
  begin_held(ask(1, {{"question", "x?"}, {"text", kText}}));
  tell(ask(2, {{"question", "y?"}, {"text", kText}}));
  model->wait_for_running(2);
  tell(request(3, "ping"));
  EXPECT_EQ(reply(3)["result"], json::object());
  tell(request(4, "tools/list"));
  EXPECT_EQ(reply(4)["result"]["tools"].size(), 2U);
  tell(status(5));
  EXPECT_EQ(structured(5)["sessions"], json::array());
  model->release();
  EXPECT_EQ(structured(2)["answers"][0]["answer"], "answer yc");
  EXPECT_EQ(structured(1)["answers"][0]["answer"], "answer xc");
}

TEST_F(CallsTest, ProgressGrowsToTheEnd) {
  json message = ask(1, {{"question", "x?"}, {"text", kText}});
  message["params"]["_meta"] = {{"progressToken", 7}};
  tell(message);
  structured(1);
  double before = -1;
  for (const json& notification : sent) {
    EXPECT_EQ(notification["method"], "notifications/progress");
    EXPECT_EQ(notification["params"]["progressToken"], 7);
    EXPECT_GT(notification["params"]["progress"], before);
    before = notification["params"]["progress"];
  }
  EXPECT_EQ(before, 100);
}

TEST_F(CallsTest, ACancelledCallIsSilentAndItsSessionGoesOn) {
  // The second section is not answered before the call is cancelled.
  const json arguments = {{"questions", {"x?", "y?"}}, {"files", {"doc.txt"}}, {"session", "s"}};
  std::atomic<bool> block = true;
  std::atomic<int> first_sections = 0;
  script = [&](const std::string& prompt) {
    first_sections += prompt.find("S:a") != std::string::npos ? 1 : 0;
    if (block && prompt.find("S:b") != std::string::npos) {
      block = false;
      tell(cancelled(1));
      model->hold();  // for what is asked after this
    }
    return reader(prompt);
  };
  tell(ask(1, arguments));
  while (block) std::this_thread::yield();
  const json stopped = when_stopped("s");
  EXPECT_EQ(stopped["status"], "stopped");
  EXPECT_GE(stopped["questions"][0]["sections"], 1);
  EXPECT_LT(stopped["questions"][0]["sections"], 3);
  EXPECT_EQ(stopped["questions"][0]["finished"], false);
  EXPECT_FALSE(stopped["questions"][0].contains("answer"));
  EXPECT_THAT(stopped["document"].get<std::string>(), HasSubstr("doc.txt"));
  model->release();

  tell(ask(2, {{"session", "s"}}));
  const json result = structured(2);
  EXPECT_EQ(result["session"], "s");
  EXPECT_EQ(result["answers"][0]["answer"], "answer xc");
  EXPECT_EQ(result["answers"][1]["answer"], "answer yc");
  EXPECT_EQ(result["sections"], 3);
  EXPECT_EQ(first_sections, 2);  // what was kept was not asked again
  const std::lock_guard lock(mutex);
  for (const json& message : sent) EXPECT_NE(message.value("id", json()), 1);
}

TEST_F(CallsTest, AFinishedSessionIsNotReadAgain) {
  const json arguments = {{"question", "x?"}, {"text", kText}, {"session", "s"}};
  tell(ask(1, arguments));
  const json first = structured(1);
  const int before = asked;
  tell(ask(2, arguments));
  EXPECT_EQ(structured(2)["answers"], first["answers"]);
  EXPECT_EQ(asked, before);
  tell(status(3));
  const json listed = structured(3);
  EXPECT_EQ(listed["left_out"], 0);
  EXPECT_EQ(listed["sessions"][0]["status"], "finished");
  EXPECT_FALSE(listed["sessions"][0]["questions"][0].contains("memory"));
  tell(status(4, {{"session", "s"}}));
  const json shown = structured(4)["sessions"][0]["questions"][0];
  EXPECT_EQ(shown["memory"], "xc");
  EXPECT_EQ(shown["answer"], "answer xc");
  EXPECT_EQ(shown["sections"], 3);
}

TEST_F(CallsTest, ASessionStaysWhatItIs) {
  tell(ask(1, {{"question", "x?"}, {"text", kText}, {"session", "s"}}));
  structured(1);
  tell(ask(2, {{"question", "y?"}, {"text", kText}, {"session", "s"}}));
  EXPECT_THAT(tool_error(2), HasSubstr("question 1 was \"x?\", now \"y?\""));
  tell(ask(3, {{"text", "other"}, {"session", "s"}}));
  EXPECT_THAT(tool_error(3), HasSubstr("has changed"));
  tell(ask(4, {{"session", "s"}}));
  EXPECT_THAT(tool_error(4), HasSubstr("give the same document again"));
}

TEST_F(CallsTest, ASessionIsRunOnce) {
  const json arguments = {{"question", "x?"}, {"text", kText}, {"session", "s"}};
  begin_held(ask(1, arguments));
  tell(ask(2, arguments));
  EXPECT_THAT(tool_error(2), HasSubstr("is being run"));
  tell(status(3, {{"session", "s"}}));
  EXPECT_EQ(structured(3)["sessions"][0]["status"], "running");
  model->release();
  EXPECT_EQ(structured(1)["answers"][0]["answer"], "answer xc");
}

TEST_F(CallsTest, ASessionsFilesMustBeAllowedToo) {
  SessionSpec spec;
  spec.sources_json = json{{"files", {folder.path("secret.txt")}}}.dump();
  spec.questions = {"x?"};
  spec.document = {"secret.txt", 60, 1};
  SessionStore(store).open("s", spec);
  tell(ask(1, {{"session", "s"}}));
  EXPECT_THAT(tool_error(1), HasSubstr("lies outside"));
}

TEST_F(CallsTest, TheEndOfTheInputStopsWhatIsUnderWay) {
  begin_held(ask(1, {{"question", "x?"}, {"text", kText}, {"session", "s"}}));
  tell(ask(2, {{"question", "x?"}, {"text", kText}}));
  model->wait_for_running(2);
  stop();
  EXPECT_EQ(end_error, "");
  EXPECT_THAT(tool_error(1), HasSubstr("session 's' keeps 0 sections"));
  EXPECT_THAT(tool_error(2), HasSubstr("nothing is kept"));
  EXPECT_THAT(log, HasSubstr("\"outcome\":\"stopped\""));
  EXPECT_THAT(session_status({"s"}, store), HasSubstr("\"status\":\"stopped\""));
}

TEST_F(CallsTest, WhoTakesNothingMoreIsLeft) {
  begin_held(ask(1, {{"question", "x?"}, {"text", kText}}));
  {
    const std::lock_guard lock(mutex);
    deaf = true;
  }
  tell(request(2, "ping"));
  thread.join();  // by itself
  EXPECT_EQ(end_error, "nobody listens");
  close(input[0]);
  close(input[1]);
  server.reset();  // stops the call
  tool.reset();
}

TEST_F(CallsTest, HostileLinesAreAnsweredAndForgotten) {
  tell_line(std::string(1'000'000, '['));
  tell_line("{\"jsonrpc\":\"2.0\",\"id\":\"\xff\"}");
  tell_line(std::string(100, '{'));
  tell_line("");
  tell_line(R"({"jsonrpc":"2.0","id":{"a":[]},"method":[]})");
  tell(request(9, "ping"));
  reply(9);
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(sent[0]["error"]["code"], -32600);
  EXPECT_THAT(sent[0]["error"]["message"].get<std::string>(), HasSubstr("longer than 10000 bytes"));
  EXPECT_EQ(sent[1]["error"]["code"], -32700);
  EXPECT_EQ(sent[2]["error"]["code"], -32700);
  EXPECT_EQ(sent[3]["error"]["code"], -32600);
}

TEST_F(CallsTest, TheLogHasNoTextOfDocuments) {
  tell(ask(1, {{"question", "x?"}, {"text", kText}}));
  structured(1);
  stop();
  const json line = json::parse(log);
  EXPECT_EQ(line["tool"], "ask_documents");
  EXPECT_EQ(line["outcome"], "done");
  EXPECT_EQ(log.find("aaaa"), std::string::npos);
  EXPECT_EQ(log.find("x?"), std::string::npos);
}

#ifdef MEMAGENT_TEST_POSTGRES
std::string new_database() {
  return PostgresServer::programs().empty() ? "" : PostgresServer::shared().new_database();
}

class SharedCallsTest : public CallsTest {
 protected:
  SharedCallsTest() : CallsTest(new_database()) {}
  void SetUp() override {
    if (!is_shared_store(store)) GTEST_SKIP() << "PostgreSQL is not installed; run `make test`";
  }
};

// A shared store has the document: the session goes on though it is not given again, here and with
// whoever else has the store.
TEST_F(SharedCallsTest, TheStoreKeepsTheDocument) {
  begin_held(ask(1, {{"question", "x?"}, {"text", kText}, {"session", "s"}}));
  model->release_one();
  model->wait_for_submitted(2);
  tell(cancelled(1));
  EXPECT_EQ(when_stopped("s")["questions"][0]["sections"], 1);
  const auto kept = SessionStore(store).open_document("s");
  ASSERT_NE(kept, nullptr);
  std::vector<char> bytes(100);
  EXPECT_EQ(std::string(bytes.data(), kept->read(bytes)), kText);

  model->release();
  tell(ask(2, {{"session", "s"}}));
  const json result = structured(2);
  EXPECT_EQ(result["answers"][0]["answer"], "answer xc");
  EXPECT_EQ(result["sections"], 3);
  EXPECT_EQ(asked, 4);  // what was kept was not asked again
  // The same document may be given, and no other.
  tell(ask(3, {{"question", "x?"}, {"text", kText}, {"session", "s"}}));
  EXPECT_EQ(structured(3)["answers"], result["answers"]);
  tell(ask(4, {{"text", "other"}, {"session", "s"}}));
  EXPECT_THAT(tool_error(4), HasSubstr("has changed"));
}

TEST_F(SharedCallsTest, OfFilesToo) {
  tell(ask(1, {{"question", "x?"}, {"files", {"doc.txt"}}, {"session", "s"}}));
  const json first = structured(1);
  std::filesystem::remove(folder.path("root/doc.txt"));
  tell(ask(2, {{"session", "s"}}));
  EXPECT_EQ(structured(2)["answers"], first["answers"]);
  EXPECT_THAT(first["document"].get<std::string>(), HasSubstr("doc.txt"));
}
#endif

}  // namespace
}  // namespace memagent::test
