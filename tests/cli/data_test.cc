// `memagent data` from outside: what it lists, and what is left of a download that was cut short.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class DataTest : public testing::Test {
 protected:
  DataTest() {
    for (int i = 0; i < 20'000; ++i) body_ += "row " + std::to_string(i) + "\n";
  }
  // The body from where it is asked for on; the first request gets `first` bytes, and then nothing
  // until it goes away.
  ScriptedServer::Script serve(std::size_t first) {
    return [this, first](const ScriptedRequest& request, ScriptedConnection& connection) {
      const auto range = request.headers.find("range");
      const bool partial = range != request.headers.end();
      const std::size_t from = partial ? std::stoul(range->second.substr(6)) : 0;
      connection.send(
          std::string(partial ? "HTTP/1.1 206 Partial Content" : "HTTP/1.1 200 OK") +
          (partial ? "\r\nContent-Range: bytes " + std::to_string(from) + "-" +
                         std::to_string(body_.size() - 1) + "/" + std::to_string(body_.size())
                   : std::string()) +
          "\r\nETag: \"a\"\r\nContent-Length: " + std::to_string(body_.size() - from) + "\r\n\r\n");
      if (request.number == 0 && first < body_.size()) {
        connection.send(body_.substr(0, first));
        connection.wait_closed();
      } else {
        connection.send(body_.substr(from));
      }
    };
  }
  std::vector<std::string> fetch(const ScriptedServer& server) const {
    return {"data",  "fetch",
            "--url", "http://127.0.0.1:" + std::to_string(server.port()) + "/set",
            "--out", folder_ / "set.json"};
  }
  std::uintmax_t part_bytes() const {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(folder_ / "set.json.part", error);
    return error ? 0 : bytes;
  }

  ScratchFolder folder_;
  std::string body_;
};

TEST_F(DataTest, ListsWhatThereIsAndWhatIsHere) {
  write_file(folder_ / "dev-v2.0.json", "{}");
  const RunResult result = run_memagent({"data", "list", "--json", "--dir", folder_.path()});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  std::map<std::string, json> sets;
  for (const json& set : json::parse(result.output)) sets[set.at("name")] = set;
  EXPECT_EQ(sets.at("squad-2.0-dev").at("file"), folder_ / "dev-v2.0.json");
  EXPECT_EQ(sets.at("squad-2.0-train").at("file"), "");
  EXPECT_NE(sets.at("musique").at("by_hand"), "");
}

TEST_F(DataTest, WrongRequestsAreOneLine) {
  const auto expect = [](const std::vector<std::string>& arguments, const std::string& part) {
    const RunResult result = run_memagent(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(part));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1);
  };
  expect({"data", "fetch"}, "name data sets");
  expect({"data", "fetch", "hotpot"}, "unknown 'hotpot'");
  expect({"data", "fetch", "--url", "http://127.0.0.1:1/"}, "--out");
  expect({"data", "fetch", "hotpotqa-dev", "--out", "x"}, "--url");
}

TEST_F(DataTest, AKilledDownloadGoesOn) {
  const ScriptedServer server(serve(70'000), 0, true);
  RunningProgram program(fetch(server));
  program.wait_until([&] { return part_bytes() > 0; });
  program.send(SIGKILL);
  EXPECT_EQ(program.wait().signal, SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "set.json"));
  const auto kept = part_bytes();
  std::vector<std::string> again = fetch(server);
  again.push_back("--json");
  const RunResult result = run_memagent(again);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(json::parse(result.output).at(0).at("resumed_from"), kept);
  EXPECT_EQ(read_file(folder_ / "set.json"), body_);
}

TEST_F(DataTest, AFullDiskLosesNothing) {
  const ScriptedServer server(serve(std::string::npos), 0, true);
  const RunResult full = run_memagent(fetch(server), {.file_bytes_limit = 50'000});
  EXPECT_EQ(full.exit_code, 3) << full.errors;
  EXPECT_THAT(full.errors, HasSubstr("set.json.part: cannot be written"));
  EXPECT_GT(part_bytes(), 0U);
  const RunResult result = run_memagent(fetch(server));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("fetched from byte "));
  EXPECT_EQ(read_file(folder_ / "set.json"), body_);
}

}  // namespace
}  // namespace memagent
