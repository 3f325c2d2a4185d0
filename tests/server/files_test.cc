// /v1/files and files in conversations, over HTTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "format/temporary_folder.h"
#include "server/api_error.h"
#include "server/serving.h"

namespace memagent::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kChat = "/v1/chat/completions";

// Answers with the first letter of each section it saw.
std::string collect(const std::string& prompt) {
  const std::size_t memory = prompt.find(" M:") + 3;
  const std::size_t section = prompt.find(" S:");
  if (section == std::string::npos) return prompt.substr(memory, prompt.find(" A:") - memory);
  const std::string old = prompt.substr(memory, section - memory);
  return (old == "none" ? "" : old) + prompt.substr(section + 3, 1);
}

class Files : public testing::Test {
 protected:
  json upload(const std::string& name, const std::string& content, int expected = 200,
              const httplib::Headers& headers = {}) {
    const httplib::MultipartFormDataItems items = {{"purpose", "user_data", "", ""},
                                                   {"file", content, name, "text/plain"}};
    const auto result = serving.client().Post("/v1/files", headers, items);
    EXPECT_EQ(result->status, expected) << result->body;
    return json::parse(result->body);
  }
  json get(const std::string& path) { return json::parse(serving.client().Get(path)->body); }
  std::set<std::string> on_disk() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path(""))) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  TemporaryFolder folder;
  FileStore store{FileStoreOptions{folder.path("files"), 100'000}};
  Serving serving{collect, [&](ServerOptions& options) {
                    options.files = &store;
                    options.completions.files = &store;
                    options.http.limits.request_timeout = std::chrono::milliseconds(500);
                  }};
};

TEST_F(Files, AreUploadedListedReadAndDeleted) {
  const json file = upload("a.txt", "one two");
  EXPECT_EQ(file["object"], "file");
  EXPECT_EQ(file["bytes"], 7);
  EXPECT_EQ(file["filename"], "a.txt");
  EXPECT_EQ(file["purpose"], "user_data");
  const std::string id = file["id"];
  EXPECT_THAT(id, StartsWith("file-"));
  EXPECT_EQ(get("/v1/files/" + id), file);
  EXPECT_EQ(get("/v1/files")["data"], json::array({file}));
  EXPECT_EQ(get("/v1/files?purpose=user_data")["data"], json::array({file}));
  EXPECT_EQ(get("/v1/files?purpose=batch")["data"], json::array());
  const auto content = serving.client().Get("/v1/files/" + id + "/content");
  EXPECT_EQ(content->body, "one two");
  EXPECT_EQ(content->get_header_value("X-Content-Type-Options"), "nosniff");
  // A later server finds it.
  EXPECT_EQ(FileStore(FileStoreOptions{.folder = folder.path("files")}).find(id, "").filename,
            "a.txt");

  const auto deleted = serving.client().Delete("/v1/files/" + id);
  EXPECT_EQ(json::parse(deleted->body)["deleted"], true);
  EXPECT_EQ(serving.client().Get("/v1/files/" + id)->status, 404);
  EXPECT_EQ(serving.client().Delete("/v1/files/" + id)->status, 404);
  EXPECT_EQ(get("/v1/files")["data"], json::array());
  EXPECT_EQ(on_disk(), std::set<std::string>{"files"});
}

TEST_F(Files, AreGivenInPart) {
  const std::string id = upload("a.txt", "0123456789")["id"];
  const auto part = [&](const std::string& range) {
    const auto result =
        serving.client().Get("/v1/files/" + id + "/content", {{"Range", "bytes=" + range}});
    return std::to_string(result->status) + " " + result->get_header_value("Content-Range") + " " +
           (result->status == 416 ? "" : result->body);
  };
  EXPECT_EQ(part("2-4"), "206 bytes 2-4/10 234");
  EXPECT_EQ(part("7-"), "206 bytes 7-9/10 789");
  EXPECT_EQ(part("-2"), "206 bytes 8-9/10 89");
  EXPECT_EQ(part("-99"), "206 bytes 0-9/10 0123456789");
  EXPECT_EQ(part("8-99"), "206 bytes 8-9/10 89");
  EXPECT_EQ(part("10-"), "416 bytes */10 ");
  EXPECT_EQ(part("0-1,3-4"), "200  0123456789");  // several are all of it
}

TEST_F(Files, AreReadAsTheDocument) {
  const std::string id = upload("a.txt", std::string(20, 'x') + std::string(20, 'y'))["id"];
  const json question = {{"type", "text"}, {"text", "Which?"}};
  const json file = {{"type", "file"}, {"file", {{"file_id", id}}}};
  const json body = {
      {"messages", json::array({{{"role", "user"}, {"content", json::array({file, question})}}})}};
  const auto [status, reply] = serving.post(kChat, body);
  EXPECT_EQ(status, 200) << reply;
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "xy");
  EXPECT_EQ(reply["memagent"]["sections"], 2);
}

TEST_F(Files, SeveralAreReadUnderTheirNames) {
  const std::string first = upload("a.txt", "one")["id"];
  const std::string second = upload("b.txt", "two")["id"];
  const auto file = [](const std::string& id) {
    return json{{"type", "file"}, {"file", {{"file_id", id}}}};
  };
  json body = {
      {"messages",
       json::array({{{"role", "user"}, {"content", json::array({file(first), file(second)})}}})}};
  body["memagent"] = {{"question", "Which?"}};
  // "# a.txt", an empty line, "one", an empty line, "# b.txt", an empty line, "two": 7+2+3+2+7+2+3.
  EXPECT_EQ(serving.post(kChat, body).second["memagent"]["document_tokens"], 26);
}

TEST_F(Files, NamesAreNeverPaths) {
  for (const char* name : {"../../evil", "/etc/evil", "..\\evil", "a/b/c", ".", ""}) {
    const json file = upload(name, "content");
    EXPECT_EQ(serving.client().Delete("/v1/files/" + file["id"].get<std::string>())->status, 200);
  }
  EXPECT_EQ(on_disk(), std::set<std::string>{"files"});
  EXPECT_FALSE(fs::exists(folder.path("../evil")));
  for (const char* path : {"/v1/files/..", "/v1/files/../../../etc/passwd",
                           "/v1/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/files/.json"}) {
    EXPECT_EQ(serving.client().Get(path)->status, 404) << path;
  }
}

TEST_F(Files, ThatAreNoTextAreRefusedWhenTheyAreRead) {
  const std::string id = upload("a.bin", std::string("a\0b", 3))["id"];
  json body = chat("Which?");
  body["messages"][0]["content"] = json::array(
      {{{"type", "file"}, {"file", {{"file_id", id}}}}, {{"type", "text"}, {"text", "Which?"}}});
  const auto [status, reply] = serving.post(kChat, body);
  EXPECT_EQ(status, 422);
  EXPECT_THAT(reply["error"]["message"].get<std::string>(),
              StartsWith("file '" + id + "': is not text: it has a NUL byte"));
  EXPECT_THAT(reply.dump(), Not(HasSubstr("/files")));
}

// Where the server keeps them, and why the disk does not take more, is not told.
TEST_F(Files, ThatCannotBeWrittenDoNotTellWhere) {
  folder.write("files", "no folder");
  const json error = upload("a.txt", "one", 503)["error"];
  EXPECT_EQ(error["code"], "storage");
  EXPECT_THAT(error.dump(), Not(HasSubstr(folder.path(""))));
  EXPECT_THAT(error.dump(), Not(HasSubstr("irectory")));
  while (serving.log().empty()) std::this_thread::yield();
  EXPECT_EQ(serving.log()[0]["error"], "storage");
}

TEST_F(Files, ThatDoNotExistAreNotFound) {
  json body = chat("x");
  body["messages"][0]["content"] =
      json::array({{{"type", "file"}, {"file", {{"file_id", "file-0123456789abcdef"}}}},
                   {{"type", "text"}, {"text", "Which?"}}});
  EXPECT_EQ(serving.post(kChat, body).first, 404);
}

TEST_F(Files, TooLargeOnesAreRefusedAndLeaveNothing) {
  EXPECT_EQ(upload("big", std::string(100'000, 'x'))["bytes"], 100'000);
  const RawClient client(serving.port());
  const std::string head =
      "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big\"\r\n\r\n";
  client.send(
      "POST /v1/files HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
      "Content-Length: 1000000\r\n\r\n" +
      head + std::string(200'000, 'x'));
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(get("/v1/files")["data"].size(), 1U);
  EXPECT_EQ(on_disk().size(), 3U);  // the folder, the first file and its description
}

TEST_F(Files, CancelledUploadsLeaveNothing) {
  const RawClient client(serving.port());
  client.send(
      "POST /v1/files HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
      "Content-Length: 1000000\r\n\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nbeginning");
  client.shut_down_sending();
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(get("/v1/files")["data"], json::array());
  EXPECT_EQ(on_disk(), std::set<std::string>{"files"});
}

TEST_F(Files, UploadsThatAreNoneAreRefused) {
  EXPECT_EQ(serving.post("/v1/files", {{"file", "x"}}).first, 415);
  const httplib::MultipartFormDataItems nothing = {{"purpose", "user_data", "", ""}};
  EXPECT_EQ(serving.client().Post("/v1/files", nothing)->status, 400);
  const httplib::MultipartFormDataItems two = {{"file", "a", "a", ""}, {"file", "b", "b", ""}};
  EXPECT_EQ(serving.client().Post("/v1/files", two)->status, 400);
  EXPECT_EQ(
      serving.client().Post("/v1/files", "no boundary", "multipart/form-data; boundary=b")->status,
      400);
}

// What a server that was killed in an upload left. Other files in the folder are none of ours.
TEST(FilesLeftOver, AreRemovedAtTheNextStart) {
  const TemporaryFolder folder;
  const std::string id = "file-0123456789abcdef";
  folder.write(id, "kept");
  folder.write(id + ".json", R"({"filename": "a.txt", "bytes": 4})");
  for (const char* name :
       {"file-1111111111111111", "file-1111111111111111.part-a1b2c3",
        "file-1111111111111111.json.part-zzzzzz", "file-0123456789abcdef.part-a1b2c3"}) {
    folder.write(name, "left over");
  }
  const std::set<std::string> others = {"file-1111111111111111.txt",
                                        "file-111111111111111",
                                        "file-1111111111111111.A1B2C3",
                                        "notes.part-a1b2c3",
                                        "file-1111111111111111.zzzzzzz",
                                        "notes",
                                        "notes.json"};
  for (const std::string& name : others) folder.write(name, "other");
  const FileStore store(FileStoreOptions{.folder = folder.path("")});
  std::set<std::string> expected = others;
  expected.insert({id, id + ".json"});
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path(""))) {
    names.insert(entry.path().filename());
  }
  EXPECT_EQ(names, expected);
  EXPECT_EQ(store.find(id, "").bytes, 4);
}

TEST(FileOwners, OthersHaveNoFilesOfOurs) {
  const TemporaryFolder folder;
  FileStore store(FileStoreOptions{.folder = folder.path("files")});
  FileStore::Upload upload = store.begin();
  upload.write("text");
  const std::string id = upload.commit("f", "user_data", "alice").id;
  EXPECT_EQ(store.list("alice").size(), 1U);
  EXPECT_TRUE(store.list("bob").empty());
  EXPECT_THROW(store.find(id, "bob"), ApiError);
  EXPECT_THROW(store.remove(id, "bob"), ApiError);
  EXPECT_THROW(store.open(id, ""), ApiError);
  EXPECT_EQ(store.find(id, "alice").bytes, 4);
}

}  // namespace
}  // namespace memagent::test
