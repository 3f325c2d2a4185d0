// What may be read: files under the folders, wherever links lead. And lines in bounded memory.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "format/temporary_folder.h"
#include "mcp/allowed_files.h"
#include "mcp/line_reader.h"
#include "memagent/error.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class AllowedFilesTest : public testing::Test {
 protected:
  AllowedFilesTest() {
    base = fs::canonical(folder.path(".")).string();
    for (const char* name : {"in", "in/sub", "also", "in-other", "out"}) {
      fs::create_directory(base + "/" + name);
    }
    for (const char* name : {"in/a", "in/sub/b", "also/c", "also/a", "in-other/d", "out/secret"}) {
      std::ofstream(base + "/" + name) << name;
    }
    fs::create_symlink(base + "/out/secret", base + "/in/link_out");
    fs::create_symlink(base + "/out", base + "/in/folder_out");
    fs::create_symlink("sub/b", base + "/in/link_in");
    fs::create_symlink("loop", base + "/in/loop");
    fs::create_symlink(base + "/in", base + "/link_to_in");
    mkfifo((base + "/in/pipe").c_str(), 0600);
  }

  std::string refusal(const std::string& path) const {
    try {
      return "allowed: " + files().find(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
  }
  AllowedFiles files() const { return AllowedFiles({base + "/in", base + "/also"}); }

  TemporaryFolder folder;
  std::string base;
};

TEST_F(AllowedFilesTest, FindsFilesUnderTheFolders) {
  EXPECT_EQ(files().find("a"), base + "/in/a");  // of two the first folder's
  EXPECT_EQ(files().find("c"), base + "/also/c");
  EXPECT_EQ(files().find("sub/../sub/./b"), base + "/in/sub/b");
  EXPECT_EQ(files().find(base + "/also/a"), base + "/also/a");
  EXPECT_EQ(files().find("../also/a"), base + "/also/a");
  EXPECT_EQ(files().find("link_in"), base + "/in/sub/b");
  EXPECT_EQ(AllowedFiles({base + "/link_to_in"}).find("a"), base + "/in/a");
  EXPECT_EQ(AllowedFiles({"/"}).find(base + "/out/secret"), base + "/out/secret");
}

TEST_F(AllowedFilesTest, RefusesWhatLiesOutside) {
  for (const std::string& path :
       {base + "/out/secret", std::string("../out/secret"), std::string("link_out"),
        std::string("folder_out/secret"), std::string("/etc/passwd"), base + "/in-other/d",
        std::string("../in-other/d"), std::string("loop"), std::string("missing/../../out/secret"),
        base + "/in/../out/secret"}) {
    EXPECT_THAT(refusal(path), HasSubstr("lies outside")) << path;
  }
}

TEST_F(AllowedFilesTest, DoesNotTellWhatIsThereOutside) {
  const std::string there = refusal("../out/secret");
  const std::string missing = refusal("../out/missing");
  EXPECT_EQ(there.substr(there.find(": ")), missing.substr(missing.find(": ")));
}

TEST_F(AllowedFilesTest, ReadsRegularFilesAlone) {
  EXPECT_THAT(refusal("missing"), HasSubstr("no such file"));
  EXPECT_THAT(refusal("-"), HasSubstr("no such file"));
  EXPECT_THAT(refusal("a/x"), HasSubstr("no such file"));
  // A folder that is not there hides no link behind it.
  EXPECT_THAT(refusal("missing/../link_out"), HasSubstr("no such file"));
  EXPECT_THAT(refusal("sub"), HasSubstr("directory"));
  EXPECT_THAT(refusal("pipe"), HasSubstr("no regular file"));
}

TEST_F(AllowedFilesTest, RootsAreFolders) {
  EXPECT_THROW(AllowedFiles({base + "/in/a"}), Error);
  EXPECT_THROW(AllowedFiles({base + "/missing"}), Error);
}

// Everything that a reader gives for these bytes: lines, "<long>" for one that is too long.
std::vector<std::string> lines_of(const std::string& bytes, std::size_t most_bytes) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  std::thread writer([&] {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t count = write(ends[1], bytes.data() + at, bytes.size() - at);
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    close(ends[1]);
  });
  LineReader reader(ends[0], most_bytes);
  std::vector<std::string> lines;
  std::string line;
  for (auto kind = reader.next(line); kind != LineReader::Kind::kEnd; kind = reader.next(line)) {
    lines.push_back(kind == LineReader::Kind::kLine ? line : "<long>");
    if (kind == LineReader::Kind::kTooLong) {
      EXPECT_LE(line.capacity(), 64U);
    }
  }
  EXPECT_EQ(reader.next(line), LineReader::Kind::kEnd);
  writer.join();
  close(ends[0]);
  return lines;
}

TEST(LineReader, GivesLinesWithoutTheirEnds) {
  EXPECT_THAT(lines_of("", 10), testing::ElementsAre());
  EXPECT_THAT(lines_of("a\n\nbc\n", 10), testing::ElementsAre("a", "", "bc"));
  EXPECT_THAT(lines_of("a\nlast", 10), testing::ElementsAre("a", "last"));
  EXPECT_THAT(lines_of("\n", 10), testing::ElementsAre(""));
}

TEST(LineReader, KeepsNothingOfWhatIsTooLong) {
  EXPECT_THAT(lines_of("0123456789\n01234567890\nx\n", 10),
              testing::ElementsAre("0123456789", "<long>", "x"));
  EXPECT_THAT(lines_of("01234567890", 10), testing::ElementsAre("<long>"));
  // Longer than what is read at once, at every cut.
  const std::string giant(200'000, 'g');
  EXPECT_THAT(lines_of(giant + "\nx\n", 1000), testing::ElementsAre("<long>", "x"));
  for (const std::size_t bytes : {65'534U, 65'535U, 65'536U, 65'537U, 131'072U}) {
    const std::string line(bytes, 'l');
    EXPECT_THAT(lines_of(line + "\nx", 200'000), testing::ElementsAre(line, "x")) << bytes;
  }
}

}  // namespace
}  // namespace memagent
