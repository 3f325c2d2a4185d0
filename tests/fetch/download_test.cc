// Downloads from a server on loopback that breaks off, changes its mind and lies.
#include "fetch/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "fetch/catalogue.h"
#include "memagent/error.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// printf '' | sha256sum; printf abc | sha256sum (FIPS 180-2's example).
constexpr const char* kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// FIPS 180-2's third: a million times "a".
constexpr const char* kOfMillion =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class Download : public testing::Test {
 protected:
  Download()
      : folder_(fs::temp_directory_path() / ("memagent-fetch-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    for (int i = 0; i < 4000; ++i) body_ += "row " + std::to_string(i) + "\n";
  }
  ~Download() override { fs::remove_all(folder_); }

  // Sends what is asked for of `body_`, under the mark `etag_`; at most `cut_` bytes at a time.
  ScriptedServer::Script serve() {
    return [this](const ScriptedRequest& request, ScriptedConnection& connection) {
      std::size_t from = 0;
      const auto range = request.headers.find("range");
      const auto mark = request.headers.find("if-range");
      const bool partial = range != request.headers.end() &&
                           (mark == request.headers.end() || mark->second == etag_);
      if (partial) from = std::stoul(range->second.substr(6));
      if (partial && from >= body_.size()) {
        return connection.reply(416, "", "text/plain",
                                "Content-Range: bytes */" + std::to_string(body_.size()) + "\r\n");
      }
      const std::string rest = body_.substr(from);
      std::string head = partial ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
      if (!etag_.empty()) head += "ETag: " + etag_ + "\r\n";
      if (partial) {
        head += "Content-Range: bytes " + std::to_string(from + shift_) + "-" +
                std::to_string(body_.size() - 1) + "/" + std::to_string(body_.size()) + "\r\n";
      }
      head += "Content-Length: " + std::to_string(rest.size()) + "\r\n\r\n";
      connection.send(head + rest.substr(0, cut_));
      if (rest.size() > cut_) connection.close();
    };
  }
  DownloadOptions options(const ScriptedServer& server) const {
    DownloadOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/set.json";
    options.path = path();
    options.attempts = 3;
    options.first_wait = std::chrono::milliseconds(0);
    return options;
  }
  std::string path() const { return (folder_ / "sets" / "set.json").string(); }
  std::string complaint(const DownloadOptions& with, ErrorKind kind) const {
    try {
      download(with);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.what();
    }
    return "no error";
  }

  fs::path folder_;
  std::string body_;
  std::string etag_ = "\"one\"";
  std::size_t cut_ = std::string::npos;
  std::size_t shift_ = 0;  // how far off the part is that comes
};

TEST_F(Download, TakesAFileWholeAndKeepsItsChecksum) {
  const ScriptedServer server(serve(), 0, true);
  std::int64_t seen = 0;
  DownloadOptions with = options(server);
  with.on_progress = [&](std::int64_t bytes, std::int64_t total) {
    seen = bytes;
    EXPECT_TRUE(total < 0 || total == std::ssize(body_));
  };
  const Downloaded done = download(with);
  EXPECT_EQ(read(path()), body_);
  EXPECT_EQ(done.bytes, std::ssize(body_));
  EXPECT_EQ(seen, std::ssize(body_));
  EXPECT_EQ(done.resumed_from, 0);
  EXPECT_EQ(read(path() + ".sha256"), done.sha256 + "  set.json\n");
  EXPECT_FALSE(fs::exists(path() + ".part"));
  EXPECT_FALSE(fs::exists(path() + ".part.tag"));

  // Again: nothing is asked for.
  EXPECT_TRUE(download(with).was_there);
  EXPECT_EQ(server.requests("/set.json"), 1);
}

TEST_F(Download, HashesAsTheStandardSays) {
  const std::string file = (folder_ / "f").string();
  std::ofstream(file).close();
  EXPECT_EQ(sha256_of_file(file), kOfNothing);
  std::ofstream(file) << "abc";
  EXPECT_EQ(sha256_of_file(file), kOfAbc);
  std::ofstream(file) << std::string(1'000'000, 'a');
  EXPECT_EQ(sha256_of_file(file), kOfMillion);
}

TEST_F(Download, TakesAnEmptyFile) {
  body_.clear();
  const ScriptedServer server(serve(), 0, true);
  DownloadOptions with = options(server);
  with.sha256 = kOfNothing;
  EXPECT_EQ(download(with).bytes, 0);
  EXPECT_TRUE(fs::exists(path()));
}

TEST_F(Download, GoesOnWhereAConnectionBroke) {
  cut_ = 9'000;
  const ScriptedServer server(serve(), 0, true);
  const Downloaded done = download(options(server));
  EXPECT_EQ(read(path()), body_);
  EXPECT_EQ(done.bytes, std::ssize(body_));
  const auto log = server.log("/set.json");
  ASSERT_EQ(log.size(), body_.size() / cut_ + 1);
  EXPECT_EQ(log[1].headers.at("range"), "bytes=9000-");
  EXPECT_EQ(log[1].headers.at("if-range"), "\"one\"");
}

TEST_F(Download, GoesOnWhereAnotherRunEnded) {
  cut_ = 9'000;
  {
    const ScriptedServer server(
        [this](const ScriptedRequest& request, ScriptedConnection& connection) {
          if (request.number > 0) return connection.reply(500, "later");
          serve()(request, connection);
        },
        0, true);
    EXPECT_THAT(complaint(options(server), ErrorKind::kModel),
                HasSubstr("the server answers 500, 3 times: 9000 bytes are kept"));
  }
  EXPECT_EQ(read(path() + ".part"), body_.substr(0, 9'000));
  cut_ = std::string::npos;
  const ScriptedServer server(serve(), 0, true);
  EXPECT_EQ(download(options(server)).resumed_from, 9'000);
  EXPECT_EQ(read(path()), body_);
}

TEST_F(Download, BeginsAnewWhenTheFileHasChanged) {
  fs::create_directories(folder_ / "sets");
  std::ofstream(path() + ".part") << "the beginning of what it was before";
  std::ofstream(path() + ".part.tag") << "\"older\"\n";
  const ScriptedServer server(serve(), 0, true);
  EXPECT_EQ(download(options(server)).resumed_from, 0);
  EXPECT_EQ(read(path()), body_);
  EXPECT_EQ(server.log("/set.json")[0].headers.at("if-range"), "\"older\"");
}

// A server that knows no ranges sends everything again; what breaks off a second time, earlier than
// the first, has cost nothing of what was there.
TEST_F(Download, KeepsWhatCameOfTheSameVersion) {
  fs::create_directories(folder_ / "sets");
  std::ofstream(path() + ".part") << body_.substr(0, 9'000);
  std::ofstream(path() + ".part.tag") << etag_ + "\n";
  bool whole = false;
  const ScriptedServer server(
      [&](const ScriptedRequest&, ScriptedConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nETag: " + etag_ +
                        "\r\nContent-Length: " + std::to_string(body_.size()) + "\r\n\r\n" +
                        body_.substr(0, whole ? std::string::npos : 5'000));
        if (!whole) connection.close();
      },
      0, true);
  EXPECT_THAT(complaint(options(server), ErrorKind::kModel), HasSubstr("9000 bytes are kept"));
  EXPECT_EQ(read(path() + ".part"), body_.substr(0, 9'000));
  whole = true;
  EXPECT_EQ(download(options(server)).resumed_from, 9'000);
  EXPECT_EQ(read(path()), body_);
}

// What is said to be the same version but ends before what was there is not.
TEST_F(Download, BeginsAnewWhenLessComesThanWasThere) {
  for (const bool knows_ranges : {true, false}) {
    fs::create_directories(folder_ / "sets");
    std::ofstream(path() + ".part") << "abcdef";
    std::ofstream(path() + ".part.tag") << etag_ << "\n";
    body_ = "abc";
    const ScriptedServer server(
        [&](const ScriptedRequest& request, ScriptedConnection& connection) {
          if (knows_ranges) return serve()(request, connection);
          connection.reply(200, body_, "text/plain", "ETag: " + etag_ + "\r\n");
        },
        0, true);
    EXPECT_EQ(download(options(server)).sha256, kOfAbc);
    EXPECT_EQ(server.requests("/set.json"), 2);
    EXPECT_EQ(server.log("/set.json")[1].headers.count("range"), 0U);
    fs::remove_all(folder_ / "sets");
  }
}

// A weak mark (RFC 9110, 8.8.1) may stand for other bytes of the same meaning.
TEST_F(Download, DoesNotGoOnByAWeakMark) {
  etag_ = "W/\"one\"";
  const ScriptedServer server(
      [this](const ScriptedRequest& request, ScriptedConnection& connection) {
        cut_ = request.number == 0 ? 9'000 : std::string::npos;
        serve()(request, connection);
      },
      0, true);
  download(options(server));
  EXPECT_EQ(read(path()), body_);
  EXPECT_EQ(server.log("/set.json")[1].headers.count("range"), 0U);
}

TEST_F(Download, DoesNotGoOnFromWhatCannotBeToldApart) {
  etag_ = "";
  cut_ = 9'000;
  {
    const ScriptedServer server(serve(), 0, true);
    EXPECT_THAT(complaint(options(server), ErrorKind::kModel), HasSubstr("3 times"));
    EXPECT_EQ(server.requests("/set.json"), 3);
  }
  cut_ = std::string::npos;
  const ScriptedServer server(serve(), 0, true);
  EXPECT_EQ(download(options(server)).resumed_from, 0);
  EXPECT_EQ(server.log("/set.json")[0].headers.count("range"), 0U);
  EXPECT_EQ(read(path()), body_);
}

TEST_F(Download, RefusesAWrongChecksum) {
  const ScriptedServer server(serve(), 0, true);
  DownloadOptions with = options(server);
  with.sha256 = kOfNothing;
  body_ = "abc";
  const std::string message = complaint(with, ErrorKind::kBadInput);
  EXPECT_THAT(message, HasSubstr(std::string("SHA-256 is ") + kOfAbc));
  EXPECT_THAT(message, HasSubstr(std::string("expected ") + kOfNothing));
  for (const char* left : {"", ".part", ".part.tag", ".sha256"}) {
    EXPECT_FALSE(fs::exists(path() + left)) << left;
  }
  // The next run begins afresh. The sum may be given in capitals.
  with.sha256 = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
  EXPECT_EQ(download(with).sha256, kOfAbc);
  EXPECT_EQ(server.log("/set.json").at(1).headers.count("range"), 0U);
}

TEST_F(Download, HoldsToTheChecksumOfTheFirstTime) {
  const ScriptedServer server(serve(), 0, true);
  body_ = "abc";
  download(options(server));
  std::ofstream(path()) << "abd";
  const std::string tampered = complaint(options(server), ErrorKind::kBadInput);
  EXPECT_THAT(tampered, HasSubstr("set.json.sha256"));
  EXPECT_THAT(tampered, HasSubstr("delete it"));
  EXPECT_EQ(read(path()), "abd") << "what the user has is left alone";
  EXPECT_EQ(server.requests("/set.json"), 1);
  // Fetched again, and other than it was.
  fs::remove(path());
  body_ = "abe";
  EXPECT_THAT(complaint(options(server), ErrorKind::kBadInput), HasSubstr("set.json.sha256"));
  std::ofstream(path() + ".sha256") << "no checksum\n";
  EXPECT_THAT(complaint(options(server), ErrorKind::kBadInput), HasSubstr("delete it"));
  EXPECT_EQ(server.requests("/set.json"), 2) << "not fetched to be thrown away";
}

TEST_F(Download, RefusesWhatIsNoAddressOrChecksum) {
  DownloadOptions with;
  with.path = path();
  for (const char* url : {"", "set.json", "ftp://127.0.0.1/x", "file:///etc/passwd"}) {
    with.url = url;
    EXPECT_THAT(complaint(with, ErrorKind::kUsage), HasSubstr("http://")) << url;
  }
  with.url = "http://127.0.0.1:1/";
  with.sha256 = "12ab";
  EXPECT_THAT(complaint(with, ErrorKind::kUsage), HasSubstr("64 hexadecimal digits"));
}

TEST_F(Download, TakesAPartThatIsWholeAlready) {
  fs::create_directories(folder_ / "sets");
  std::ofstream(path() + ".part") << body_;
  std::ofstream(path() + ".part.tag") << etag_ << "\n";
  const ScriptedServer server(serve(), 0, true);
  EXPECT_EQ(download(options(server)).resumed_from, std::ssize(body_));
  EXPECT_EQ(read(path()), body_);
  EXPECT_EQ(server.requests("/set.json"), 1);
}

TEST_F(Download, DoesNotJoinPartsThatDoNotFit) {
  fs::create_directories(folder_ / "sets");
  std::ofstream(path() + ".part") << body_.substr(0, 100);
  std::ofstream(path() + ".part.tag") << etag_ << "\n";
  shift_ = 1;
  const ScriptedServer server(serve(), 0, true);
  EXPECT_THAT(complaint(options(server), ErrorKind::kModel), HasSubstr("another part"));
  EXPECT_EQ(read(path() + ".part"), body_.substr(0, 100));
}

TEST_F(Download, DoesNotTakeAPageForTheData) {
  const ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& connection) {
        connection.reply(200, "<html>sign in</html>", "text/html; charset=utf-8");
      },
      0, true);
  EXPECT_THAT(complaint(options(server), ErrorKind::kModel), HasSubstr("a web page"));
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(Download, IsDoneByOneProcessAtATime) {
  const ScriptedServer server(
      [this](const ScriptedRequest& request, ScriptedConnection& connection) {
        DownloadOptions same;
        same.url = "http://127.0.0.1:1/";
        same.path = path();
        EXPECT_THAT(complaint(same, ErrorKind::kStorage), HasSubstr("another process"));
        serve()(request, connection);
      },
      0, true);
  download(options(server));
  EXPECT_EQ(read(path()), body_);
}

TEST_F(Download, SaysWhatTheServerSays) {
  const ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& connection) {
        connection.reply(404, "no such thing");
      },
      0, true);
  EXPECT_THAT(complaint(options(server), ErrorKind::kModel),
              HasSubstr("/set.json: the server answers 404: check the address"));
  EXPECT_EQ(server.requests("/set.json"), 1);
  EXPECT_FALSE(fs::exists(path() + ".part"));
}

// Statuses that end it and statuses that do not; neither touches what had come.
TEST_F(Download, AsksAgainWhereThatMayHelp) {
  for (const auto& [status, requests] :
       {std::pair{403, 1}, {404, 1}, {408, 3}, {429, 3}, {500, 3}, {503, 3}}) {
    fs::create_directories(folder_ / "sets");
    std::ofstream(path() + ".part") << "ab";
    std::ofstream(path() + ".part.tag") << etag_ << "\n";
    const ScriptedServer server(
        [status = status](const ScriptedRequest&, ScriptedConnection& connection) {
          connection.reply(status, "a page that explains it", "text/html");
        },
        0, true);
    EXPECT_THAT(complaint(options(server), ErrorKind::kModel),
                HasSubstr("the server answers " + std::to_string(status)));
    EXPECT_EQ(server.requests("/set.json"), requests) << status;
    EXPECT_EQ(read(path() + ".part"), "ab") << status;
  }
}

TEST_F(Download, WaitsLongerEachTime) {
  const ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& connection) {
        connection.reply(503, "busy", "text/plain");
      },
      0, true);
  std::vector<std::int64_t> waits;
  DownloadOptions with = options(server);
  with.attempts = 4;
  with.first_wait = std::chrono::milliseconds(1);
  with.on_wait = [&](std::chrono::milliseconds wait, const std::string& why) {
    waits.push_back(wait.count());
    EXPECT_THAT(why, HasSubstr("/set.json: the server answers 503"));
  };
  EXPECT_THAT(complaint(with, ErrorKind::kModel),
              HasSubstr("answers 503, tried 4 times: wait, then run the same command again"));
  EXPECT_THAT(waits, testing::ElementsAre(1, 2, 4));
}

TEST_F(Download, WaitsAsLongAsTheServerAsks) {
  for (const int status : {429, 503}) {
    const ScriptedServer server(
        [status](const ScriptedRequest&, ScriptedConnection& connection) {
          connection.reply(status, "", "text/plain", "Retry-After: 7\r\n");
        },
        0, true);
    // Stopped as soon as it begins to wait: the test does not.
    std::atomic<bool> stop{false};
    std::vector<std::int64_t> waits;
    DownloadOptions with = options(server);
    with.stop = &stop;
    with.on_wait = [&](std::chrono::milliseconds wait, const std::string&) {
      waits.push_back(wait.count());
      stop = true;
    };
    complaint(with, ErrorKind::kInterrupted);
    EXPECT_THAT(waits, testing::ElementsAre(7'000)) << status;
    EXPECT_EQ(server.requests("/set.json"), 1);
  }
}

TEST_F(Download, DoesNotWaitForEverNorSayPasswords) {
  const ScriptedServer server(
      [](const ScriptedRequest&, ScriptedConnection& connection) {
        connection.reply(429, "", "text/plain", "Retry-After: 86400\r\n");
      },
      0, true);
  DownloadOptions with = options(server);
  with.url.insert(7, "ann:s3cret@");
  with.url += "?key=t0ken";
  const std::string message = complaint(with, ErrorKind::kModel);
  EXPECT_THAT(message, HasSubstr("http://127.0.0.1"));
  EXPECT_THAT(message, HasSubstr("/set.json?...: the server asks to come back in 86400 s"));
  for (const char* secret : {"ann", "s3cret", "t0ken"}) {
    EXPECT_THAT(message, testing::Not(HasSubstr(secret)));
  }
  EXPECT_EQ(server.requests("/set.json?key=t0ken"), 1);
}

TEST_F(Download, TellsOfAServerThatIsNotThere) {
  DownloadOptions with;
  {
    const ScriptedServer server(serve(), 0, true);
    with = options(server);
  }
  EXPECT_THAT(complaint(with, ErrorKind::kModel), HasSubstr("3 times"));
}

TEST_F(Download, FollowsRedirectsToTheWebAlone) {
  const ScriptedServer server(
      [this](const ScriptedRequest& request, ScriptedConnection& connection) {
        if (request.path == "/home.json") return serve()(request, connection);
        const std::string to = request.path == "/set.json"         ? "/home.json"
                               : request.path == "/set.json-round" ? request.path
                               : request.path == "/set.json-ftp"   ? "ftp://127.0.0.1/set.json"
                                                                   : "file:///etc/passwd";
        connection.reply(302, "", "text/plain", "Location: " + to + "\r\n");
      },
      0, true);
  download(options(server));
  EXPECT_EQ(read(path()), body_);
  for (const char* where : {"-file", "-ftp", "-round"}) {
    DownloadOptions astray = options(server);
    astray.url += where;
    astray.path += where;
    EXPECT_THAT(complaint(astray, ErrorKind::kModel), HasSubstr("redirect")) << where;
    EXPECT_FALSE(fs::exists(astray.path));
  }
}

TEST_F(Download, StopsAndKeepsWhatCame) {
  cut_ = 9'000;
  std::atomic<bool> stop{false};
  const ScriptedServer server(
      [&](const ScriptedRequest& request, ScriptedConnection& connection) {
        serve()(request, connection);
        stop = true;
      },
      0, true);
  DownloadOptions with = options(server);
  with.stop = &stop;
  EXPECT_THAT(complaint(with, ErrorKind::kInterrupted), HasSubstr("the same command goes on"));
  EXPECT_FALSE(fs::exists(path()));
}

TEST(Catalogue, NamesAndFilesAreDistinct) {
  std::set<std::string_view> names;
  std::set<std::string_view> files;
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_TRUE(files.insert(entry.file).second) << entry.file;
    EXPECT_TRUE(entry.url.starts_with("http")) << entry.name;
    EXPECT_TRUE(entry.sha256.empty() || entry.sha256.size() == 64) << entry.name;
    EXPECT_EQ(find_entry(entry.name), &entry);
  }
  EXPECT_EQ(find_entry("hotpotqa"), nullptr);
}

}  // namespace
}  // namespace memagent
